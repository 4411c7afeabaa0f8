import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant_io.blocks import LONGEST, Order, Place, Reach, Scan, coalesced, joined, places, split
from plant_io.decode import encode
from policies import Tag
from policies.registers import spot, stretch
from policies.tags import WireType

ANY = Reach()


def tag(address: str, kind: WireType = "uint16", length: int = 1) -> Tag:
    return Tag(unit="1", range=(-1e9, 1e9), connection="plc", address=address, type=kind, length=length)


def spans(tags: list[Tag], max_gap: int) -> list[tuple[str, int, int]]:
    return [(b.table, b.address, b.length) for b in coalesced(places(tags, "ABCD", ANY), Reach(max_gap))]


def test_neighbours_travel_together() -> None:
    assert spans([tag("input:0", "float32"), tag("input:2", "float32"), tag("input:4")], 0) == [("input", 0, 5)]


def test_small_gaps_are_read_over_and_large_ones_are_not() -> None:
    tags = [tag("holding:0"), tag("holding:17"), tag("holding:35")]
    assert spans(tags, 16) == [("holding", 0, 18), ("holding", 35, 1)]


def test_tables_are_never_mixed() -> None:
    tags = [tag("holding:0"), tag("input:1"), tag("coil:2", "bool"), tag("discrete:3", "bool")]
    assert sorted(t for t, _, _ in spans(tags, 124)) == ["coil", "discrete", "holding", "input"]


def test_no_block_is_longer_than_a_request_may_be() -> None:
    tags = [tag(f"input:{i}") for i in range(300)]
    assert [length for _, _, length in spans(tags, 16)] == [125, 125, 50]


def test_a_value_never_lies_in_two_blocks() -> None:
    tags = [tag("input:0"), *[tag(f"input:{1 + 4 * i}", "float64") for i in range(40)]]
    blocks = coalesced(places(tags, "ABCD", ANY), ANY)
    assert all(b.address <= p.address and p.end <= b.address + b.length for b in blocks for p in b.places)
    assert blocks[0].length == 125


def test_a_spectrum_longer_than_a_request_is_cut_between_values() -> None:
    found = places([tag("input:10", "float32", length=100)], "ABCD", ANY)
    assert [(p.address, p.count, p.slot) for p in found] == [(10, 62, 0), (134, 38, 62)]


def test_the_order_of_the_tags_does_not_matter_for_the_blocks() -> None:
    tags = [tag("input:8"), tag("input:0"), tag("input:4")]
    assert spans(tags, 16) == [("input", 0, 9)]


def test_two_tags_may_share_a_register() -> None:
    assert spans([tag("input:0", "uint32"), tag("input:1")], 0) == [("input", 0, 2)]


def test_a_refused_block_is_read_again_without_its_gaps() -> None:
    (block,) = coalesced(places([tag("input:0"), tag("input:1"), tag("input:5")], "ABCD", ANY), ANY)
    assert [(b.address, b.length) for b in split(block)] == [(0, 2), (5, 1)]


def test_a_refused_block_without_gaps_is_halved() -> None:
    (block,) = coalesced(places([tag(f"input:{i}") for i in range(5)], "ABCD", ANY), ANY)
    assert [(b.address, b.length) for b in split(block)] == [(0, 2), (2, 3)]


def test_a_single_place_cannot_be_split() -> None:
    (block,) = coalesced(places([tag("input:0", "float64")], "ABCD", ANY), ANY)
    assert split(block) == (block,)


@pytest.mark.parametrize(
    "address",
    ["input", "input:", "input:-1", "input:65536", "inputs:1", "30001", "s=A", "input:1.16", "coil:1.0"],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"expected coil, discrete, input or holding and an offset, such as input:10"):
        spot(address)


def test_bits_hold_nothing_but_bool() -> None:
    with pytest.raises(ValueError, match="holds bits, the tag is declared float64"):
        places([tag("coil:0", "float64")], "ABCD", ANY)


def test_a_tag_must_not_run_off_its_table() -> None:
    with pytest.raises(ValueError, match="runs off its table"):
        places([tag("input:65535", "float32")], "ABCD", ANY)


places_of_a_device = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from([1, 2, 4]), st.integers(1, 3)), min_size=1, max_size=40
)


@given(places_of_a_device, st.integers(0, 124))
def test_every_place_is_read_exactly_once_within_the_limits(drawn: list[tuple[int, int, int]], max_gap: int) -> None:
    kinds = {1: "uint16", 2: "float32", 4: "float64"}
    found = [
        Place(i, i, n, width, "input", address, kinds[width], "ABCD") for i, (address, width, n) in enumerate(drawn)
    ]
    blocks = coalesced(found, Reach(max_gap))
    assert sorted(p.tag for b in blocks for p in b.places) == list(range(len(found)))
    for block in blocks:
        assert block.length <= LONGEST["input"]
        assert all(block.address <= p.address and p.end <= block.address + block.length for p in block.places)


def test_a_scan_puts_every_value_where_its_tag_stands() -> None:
    tags = [tag("holding:30", "float32"), tag("input:0", "int16"), tag("coil:7", "bool"), tag("input:3", "float64", 2)]
    scan = Scan.of(coalesced(places(tags, "CDAB", ANY), Reach(4)))
    words = {
        "coil": [1],
        "holding": list(encode(1.5, "float32", "CDAB")),
        "input": [
            *encode(-7, "int16", "CDAB"),
            0,
            0,
            *encode(2.25, "float64", "CDAB"),
            *encode(-4.5, "float64", "CDAB"),
        ],
    }
    image = np.array([word for block in scan.blocks for word in words[block.table]], np.uint16)
    assert len(image) == scan.size
    assert scan.values(image).tolist() == [1.5, -7.0, 1.0, 2.25, -4.5]


def test_only_contiguous_neighbours_are_written_together() -> None:
    orders = [
        Order("holding", 0, (1, 2), (0,)),
        Order("holding", 2, (3,), (1,)),
        Order("holding", 21, (1,), (2,)),
        Order("holding", 20, (9,), (3,)),
        Order("coil", 21, (1,), (4,)),
    ]
    assert [(o.address, o.words, o.which) for o in joined(orders)] == [
        (0, (1, 2, 3), (0, 1)),
        (21, (1,), (2,)),
        (20, (9,), (3,)),
        (21, (1,), (4,)),
    ]


def test_no_write_is_longer_than_a_request_may_be() -> None:
    orders = [Order("holding", i, (0,), (i,)) for i in range(200)]
    assert [len(o.words) for o in joined(orders)] == [123, 77]


def test_no_block_reaches_over_forbidden_addresses() -> None:
    tags, reach = [tag("input:0"), tag("input:4"), tag("input:9")], Reach(forbidden=(stretch("input:5-6"),))
    found = coalesced(places(tags, "ABCD", reach), reach)
    assert [(b.address, b.length) for b in found] == [(0, 5), (9, 1)]


def test_addresses_forbidden_in_one_table_are_free_in_another() -> None:
    tags, reach = [tag("input:0"), tag("input:4")], Reach(forbidden=(stretch("holding:0-100"),))
    assert len(coalesced(places(tags, "ABCD", reach), reach)) == 1


def test_no_block_is_longer_than_the_device_gives_and_long_tags_are_cut_to_it() -> None:
    tags, reach = [tag(f"input:{i}") for i in range(30)], Reach(max_read=12)
    assert [b.length for b in coalesced(places(tags, "ABCD", reach), reach)] == [12, 12, 6]
    assert [p.count for p in places([tag("input:0", "float64", 8)], "ABCD", reach)] == [3, 3, 2]


def test_bits_of_words_travel_with_their_words() -> None:
    tags = [tag("holding:12.3", "bool"), tag("holding:12.15", "bool"), tag("holding:12"), tag("holding:13", "int16")]
    scan = Scan.of(coalesced(places(tags, "ABCD", ANY), ANY))
    assert [(b.address, b.length) for b in scan.blocks] == [(12, 2)]
    assert scan.values(np.array([0x8000, 0xFFFF], np.uint16)).tolist() == [0.0, 1.0, 32768.0, -1.0]


def test_a_bit_of_a_word_is_a_bool() -> None:
    with pytest.raises(ValueError, match=r"holding:12.3 holds bits, the tag is declared uint16"):
        places([tag("holding:12.3")], "ABCD", ANY)
