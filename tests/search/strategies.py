"""What Hypothesis makes for the tests of searches."""

from __future__ import annotations

from hypothesis import strategies as st


def expressions(atoms: st.SearchStrategy[str], counts: st.SearchStrategy[str]):
    """Return regular expressions of these parts, in each other, one after the other, repeated."""
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.builds("{}{}".format, inner, inner),
            st.builds("({}|{})".format, inner, inner),
            st.builds("({}){}".format, inner, counts),
        ),
        max_leaves=8,
    )
