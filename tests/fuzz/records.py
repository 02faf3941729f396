"""Any value for any field of any record, made from the records' own types."""

from __future__ import annotations

import enum
import types
import typing
from typing import Annotated, Any, Literal, Union

import msgspec
from hypothesis import strategies as st

from sensorium.wire import records

WORKERS = ("Llm", "Hearing", "Speech", "Vision", "Tools")
UNIONS = {way + worker: getattr(records, way + worker) for way in ("To", "From") for worker in WORKERS}

# Few ids, so that records meet; and the ends of what an integer holds.
integers = st.sampled_from([0, 1, 2, 3]) | st.integers(-(2**63), 2**64 - 1)
floats = st.floats() | st.floats(0, 1)
texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=30)
anything = st.recursive(
    st.none() | st.booleans() | integers | floats | texts | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def of_type(kind: Any) -> st.SearchStrategy[Any]:
    """Values that msgspec takes for this annotation."""
    plain = {int: integers, float: floats, str: texts, bool: st.booleans(), bytes: st.binary(max_size=60)}
    if kind in plain:
        return plain[kind]
    if kind is Any:
        return anything
    if kind is type(None):
        return st.none()
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return of_type(arguments[0])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(of_type, arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(of_type(arguments[0]), max_size=4).map(tuple)
    if origin is tuple:
        return st.tuples(*map(of_type, arguments))
    if origin is dict:
        return st.dictionaries(of_type(arguments[0]), of_type(arguments[1]), max_size=4)
    if issubclass(kind, enum.Enum):
        return st.sampled_from(list(kind))
    if issubclass(kind, msgspec.Struct):
        fields = {field.name: of_type(field.type) for field in msgspec.structs.fields(kind)}
        return st.builds(kind, **fields)
    raise NotImplementedError(f"no strategy for {kind}")


def of_union(name: str, *without: type[records.Record]) -> st.SearchStrategy[records.Record]:
    return st.one_of(*(of_type(kind) for kind in UNIONS[name].__args__ if kind not in without))
