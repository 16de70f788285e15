"""The made-up material that the screenshots show: a clone of a lighthouse keeper's writings."""

import re


def _unwrapped(text: str) -> str:
    """Join the lines of each paragraph, as a writing program stores them."""
    return re.sub(r"(?<=[^\n])\n(?=[^\n])", " ", text)


CLONE = {
    "name": "Elin Marsh",
    "purpose": "Answers questions about keeping a light, from her notes at Harrow Point.",
    "description": (
        "Elin Marsh kept the light at Harrow Point and wrote down what she learned. She speaks "
        "plainly, likes exact numbers, and says so when she does not know."
    ),
    "greeting": "Good evening. The lamp is lit. What would you like to know?",
    "exampleQuestions": [
        "How often is the lamp trimmed?",
        "What do you do when fog comes in?",
        "How do you read the barometer?",
    ],
    "avatar": "EM#5",
    "consentStatement": "I am the author of these notes.",
}

SECOND = {
    "name": "Workshop manual",
    "purpose": "The bicycle workshop's own manual, for whoever stands at the bench.",
    "avatar": "WM#2",
}

QUESTION = "What do you do when fog comes in?"
GUIDE_QUESTION = "How do I upload a document?"

_DOCUMENTS: dict[str, str] = {
    "keeping-the-light.md": """# Keeping the light

## The lamp

The lamp is trimmed every four hours, at eight, at midnight and at four in the morning. A clean
wick burns white; a wick that burns yellow has been left too long. Before trimming, turn the
flame down and wait for two minutes, so that the glass does not crack.

The lens is wiped once a day with a dry linen cloth, from the middle outwards. Never use water
on a warm lens.

## Fog

When fog comes in, the bell is rung by hand until the clockwork is wound: three strokes, then a
pause of thirty seconds. The clockwork runs for five hours and must be wound before it stops. If
the outer buoy cannot be seen from the gallery, the fog counts as thick and the log gets a red
line.

Do not leave the gallery in thick fog for longer than it takes to wind the bell. Ships listen for
the pause as much as for the strokes.

## Storms

The gallery door is barred from force nine on. Oil for two nights is carried up before the
evening, because nobody crosses the yard in the dark during a storm.
""",
    "weather-notes.md": """# Weather notes

## Reading the barometer

The barometer is read at six in the morning and at six in the evening, after a light tap on the
glass. A fall of more than three millimetres in three hours means wind before the night is over.
A slow rise after rain means that the wind will go to the north.

## Clouds

High, thin clouds that move against the wind on the water bring a change within a day. Swallows
that fly low tell the same, but later.

## The tide

At Harrow Point the spring tide covers the landing stage for two hours. Supplies are landed at
half tide, on the north side.
""",
    "letters-to-the-harbour-office.txt": """To the harbour office, 3 March

The second lens panel has a crack of two inches near the frame. It does not touch the flame's
line of sight, but it will not survive another winter. I ask for a replacement before October.

To the harbour office, 19 June

The oil that came with the last boat is thinner than what we had. It burns a fifth faster. I
have counted the casks: they will last until the end of August and not until September.

To the harbour office, 2 November

The new panel has arrived and is in place. I have kept the old one, in case the brass of its
frame can be used.
""",
}

DOCUMENTS = {name: _unwrapped(text) for name, text in _DOCUMENTS.items()}

SECOND_DOCUMENT = (
    "manual.md",
    _unwrapped("""# Workshop manual

## Chains

A chain is replaced when twelve links measure more than 308 millimetres. A new chain on a worn
sprocket slips; replace both together.

## Brakes

Brake pads are replaced when less than one millimetre of lining is left. Clean the disc with
alcohol and do not touch it with bare fingers.
"""),
)
