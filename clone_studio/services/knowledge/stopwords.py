"""Words that carry no subject: articles, prepositions, auxiliaries and question words.

They are indexed like all others and only dropped from questions. Languages are those the
retrieval bench measures; the weight of rare words does the same work for the others.
"""

STOP_WORDS = """
a about above after again against all also am an and any are as at be because been before being
below between both but by can could did do does doing down during each few for from further had
has have having he her here hers him his how i if in into is it its itself just let me more most
my no nor not now of off on once only or other our ours out over own please same shall she should
so some such tell than that the their theirs them then there these they this those through to too
under until up very was we were what when where which while who whom whose why will with would
you your yours say says said explain explains describe describes mean means

aber als am an auch auf aus bei bin bis das dass dem den der des die doch du durch ein eine einem
einen einer eines er es für hat hatte ihr im in ist kann man mit nach nicht noch nur oder sein
sich sie sind so über um und uns vom von vor wann war warum was welche welcher welches wem wen
wenn wer werden wie wird wo wurde wurden zu zum zur viele

al como con cual cuales cuando cuanto cuantos de del donde el en era es ese esta este fue ha hay
la las le lo los más o para pero por porque que qué quien quién se ser si sin sobre son su sus
también un una unas unos y

au aux avec ce ces cette comment combien dans de des du elle en est et il ils je la le les leur
lui mais ne où ou par pas pour pourquoi qu quand que quel quelle quels qui quoi sa se ses son sont
sur un une

che chi ci come con cosa da dal dalla dei del della di dove e gli ha i il in io la le lo ma nel
nella non o per perché più quale quali quando quanto se si sono su sul un una uno

à ao aos as com como da das do dos e em entre era essa esse está foi mais mas na nas não no nos o
onde os ou para pela pelo por qual quais quando quanto que quem se sem seu sua são um uma

aan bij dat de den dit een en er het hoe hun ik in is je met naar niet of om ook op te tot uit van
voor waar wanneer wat welke werd wie wij worden zijn

a ai al ale au câte câți ca care ce cel cea când cât cine cu cui cum de din după este fi fost în
la mai nu o pe pentru prin sau se și s sunt un unde unei unui

bir bu da de en için ile hangi hangisi kaç kim mi mı mu mü ne neden nedir nerede olan olarak ve
veya ya

và là của có được các cho trong một những với này đã không từ gì ai bao nhiêu khi nào đâu như thế

и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее мне
было вот от меня еще нет о из ему когда даже ну ли если уже или ни быть был него до вас там чем
где кто какой какая какие каком какую сколько это для при

και το τα τη την της του των ο η οι στο στη στην στα στον από για με που πως ποιος ποια ποιο ποιοι
πόσο πόσα πόσοι πόσες τι σε είναι ήταν δεν να θα ένα μια ένας πού πότε ως

من في على إلى عن أن ما ماذا متى أين كيف كم هل هو هي كان كانت التي الذي هذا هذه مع لم لا و أو ثم
"""
