import struct
from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plant_io.decode import bits, decode, encode, fitted, text
from policies.registers import REGISTERS
from policies.tags import ByteOrder, WireType

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")

# Bytes as they travel, written by hand from IEEE 754 and two's complement.
GOLDEN = [
    # 3.25 is 0x40500000.
    ("float32", "ABCD", "40 50 00 00", 3.25),
    ("float32", "CDAB", "00 00 40 50", 3.25),
    ("float32", "BADC", "50 40 00 00", 3.25),
    ("float32", "DCBA", "00 00 50 40", 3.25),
    # 123456.789 as float64 is 0x40FE240C9FBE76C9.
    ("float64", "ABCD", "40 FE 24 0C 9F BE 76 C9", 123456.789),
    ("float64", "CDAB", "76 C9 9F BE 24 0C 40 FE", 123456.789),
    ("float64", "BADC", "FE 40 0C 24 BE 9F C9 76", 123456.789),
    ("float64", "DCBA", "C9 76 BE 9F 0C 24 FE 40", 123456.789),
    # 0x01020304
    ("int32", "ABCD", "01 02 03 04", 16909060),
    ("int32", "CDAB", "03 04 01 02", 16909060),
    ("int32", "BADC", "02 01 04 03", 16909060),
    ("int32", "DCBA", "04 03 02 01", 16909060),
    ("int32", "ABCD", "FF FF FF FE", -2),
    ("uint32", "ABCD", "FF FF FF FE", 4294967294),
    ("int64", "ABCD", "FF FF FF FF FF FF FF FE", -2),
    ("uint64", "CDAB", "00 01 00 00 00 00 00 00", 1),
    ("int16", "ABCD", "FF FE", -2),
    ("int16", "CDAB", "FF FE", -2),
    ("int16", "BADC", "FE FF", -2),
    ("int16", "DCBA", "FE FF", -2),
    ("uint16", "ABCD", "01 02", 258),
    ("uint16", "BADC", "02 01", 258),
    ("bool", "ABCD", "00 01", 1),
    ("bool", "ABCD", "00 00", 0),
]


def words(travelling: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(travelling), ">u2").astype(np.uint16)


@pytest.mark.parametrize(("kind", "order", "travelling", "value"), GOLDEN)
def test_golden_bytes_are_read_as_written(kind: WireType, order: ByteOrder, travelling: str, value: float) -> None:
    assert decode(words(travelling).reshape(1, -1), kind, order).tolist() == [value]


@pytest.mark.parametrize(("kind", "order", "travelling", "value"), GOLDEN)
def test_values_are_written_as_golden_bytes(kind: WireType, order: ByteOrder, travelling: str, value: float) -> None:
    assert encode(value, kind, order) == tuple(words(travelling).tolist())


@given(st.floats(width=32), st.sampled_from(ORDERS))
@example(nan, "CDAB")
@example(inf, "ABCD")
@example(-inf, "DCBA")
def test_any_float32_survives_any_order(value: float, order: ByteOrder) -> None:
    big = struct.pack(">f", value)
    pairs = {"ABCD": (0, 1, 2, 3), "CDAB": (2, 3, 0, 1), "BADC": (1, 0, 3, 2), "DCBA": (3, 2, 1, 0)}[order]
    found = decode(words(bytes(big[i] for i in pairs).hex()).reshape(1, 2), "float32", order)[0]
    assert found == value or (isnan(found) and isnan(value))


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(ORDERS))
def test_finite_float64_make_the_round_trip(value: float, order: ByteOrder) -> None:
    assert decode(np.array([encode(value, "float64", order)], np.uint16), "float64", order)[0] == value


@given(st.integers(-(2**31), 2**31 - 1), st.sampled_from(ORDERS))
def test_int32_make_the_round_trip(value: float, order: ByteOrder) -> None:
    assert decode(np.array([encode(value, "int32", order)], np.uint16), "int32", order)[0] == value


@given(st.integers(0, 2**53), st.sampled_from(ORDERS), st.sampled_from(["int64", "uint64"]))
def test_whole_numbers_a_double_can_hold_make_the_round_trip(value: int, order: ByteOrder, kind: WireType) -> None:
    assert decode(np.array([encode(value, kind, order)], np.uint16), kind, order)[0] == value


@pytest.mark.parametrize("value", [nan, inf, -inf])
@pytest.mark.parametrize("kind", ["float32", "float64", "int16", "uint64", "bool"])
def test_what_is_no_number_is_never_written(kind: WireType, value: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        encode(value, kind, "ABCD")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int16", 32767.6),
        ("int16", -32769),
        ("uint16", -1),
        ("uint16", 65536),
        ("uint32", 2.0**32),
        ("int64", 2.0**63),
        ("uint64", 2.0**64),
        ("bool", 2),
        ("float32", 1e39),
    ],
)
def test_what_the_device_cannot_hold_is_refused_in_a_sentence(kind: WireType, value: float) -> None:
    with pytest.raises(ValueError, match=f"does not fit {kind}"):
        fitted(value, kind)


def test_integers_are_rounded_not_cut() -> None:
    assert fitted(2.6, "uint16") == 3
    assert fitted(-2.6, "int16") == -3


def test_many_values_are_decoded_together() -> None:
    values = np.linspace(-5.0, 5.0, 64)
    held = np.array([encode(float(v), "float64", "BADC") for v in values], np.uint16)
    assert held.shape == (64, REGISTERS["float64"])
    assert decode(held, "float64", "BADC").tolist() == values.tolist()


@pytest.mark.parametrize(
    ("order", "travelling", "bit", "value"),
    [
        ("ABCD", "00 01", 0, 1),
        ("ABCD", "80 00", 15, 1),
        ("ABCD", "7F FF", 15, 0),
        ("CDAB", "01 00", 8, 1),
        ("BADC", "01 00", 0, 1),
        ("DCBA", "00 80", 15, 1),
    ],
)
def test_bits_are_counted_from_the_least_significant_of_the_word(
    order: ByteOrder, travelling: str, bit: int, value: float
) -> None:
    assert bits(words(travelling).reshape(1, 1), np.array([bit], np.uint16), order).tolist() == [value]


@pytest.mark.parametrize(
    ("order", "travelling", "length", "shown"),
    [
        ("ABCD", "46 44 52 2D 31 37", 6, "FDR-17"),
        ("CDAB", "46 44 52 2D 31 37", 6, "FDR-17"),
        ("BADC", "44 46 2D 52 37 31", 6, "FDR-17"),
        ("ABCD", "46 44 52 2D 31 37", 5, "FDR-1"),
        ("ABCD", "46 44 00 58", 4, "FD"),
        ("ABCD", "46 44 20 20", 4, "FD"),
        ("ABCD", "46 07 B0 43", 4, "F?°C"),
    ],
)
def test_golden_bytes_of_texts(order: ByteOrder, travelling: str, length: int, shown: str) -> None:
    assert text(words(travelling), length, order) == shown
