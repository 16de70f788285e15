"""What takes the reader along: it comes into view and takes the focus when it is asked for."""

import reflex as rx


class Passage(rx.Component):
    """A marked passage that comes into view whenever `place` changes."""

    library = "$/public/components/arrival.jsx"
    tag = "Passage"

    text: rx.Var[str]
    place: rx.Var[int]


class ArrivalHeading(rx.Component):
    """The heading of a part that opens elsewhere than at its button; `place` as above."""

    library = "$/public/components/arrival.jsx"
    tag = "ArrivalHeading"

    text: rx.Var[str]
    place: rx.Var[int]
