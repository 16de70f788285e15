"""Which tab is told what."""

from clone_studio.services.watchers import Watch, Watchers


def watch(topic: str, tab: str = "tab", session: str = "s1") -> Watch:
    return Watch(topic=topic, tab=tab, user_id="u1", session_id=session)


def test_a_tab_watches_one_answer_and_one_clone_at_a_time():
    watchers = Watchers()
    for topic in ("message:1", "persona:1", "message:2"):
        watchers.watch(watch(topic))
    assert watchers.of("message:1") == []
    assert [one.topic for one in watchers.of("message:2")] == ["message:2"]
    assert [one.kind for one in watchers.of("persona:1")] == ["persona"]


def test_two_tabs_watch_the_same_answer():
    watchers = Watchers()
    watchers.watch(watch("message:1", "a"))
    watchers.watch(watch("message:1", "b"))
    assert {one.tab for one in watchers.of("message:1")} == {"a", "b"}


def test_the_listener_hears_of_each_new_watch_once():
    watchers, heard = Watchers(), []
    watchers.listen(heard.append)
    watchers.watch(watch("message:1"))
    watchers.watch(watch("message:2"))
    assert [one.subject_id for one in heard] == ["1", "2"]


def test_a_reloaded_tab_watches_anew():
    watchers, before, after = Watchers(), watch("message:1"), watch("message:1")
    watchers.watch(before)
    watchers.watch(after)
    assert not watchers.holds(before)
    assert watchers.of("message:1") == [after]


def test_ending_an_old_watch_leaves_the_present_one():
    watchers = Watchers()
    before, after = watch("message:1"), watch("message:2")
    watchers.watch(before)
    watchers.watch(after)
    watchers.end(before)
    assert watchers.holds(after)


def test_an_ended_session_is_told_nothing_more():
    watchers = Watchers()
    watchers.watch(watch("message:1", "a", "s1"))
    watchers.watch(watch("message:1", "b", "s2"))
    watchers.end_session("s1")
    assert [one.tab for one in watchers.of("message:1")] == ["b"]
