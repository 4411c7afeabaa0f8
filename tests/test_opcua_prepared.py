from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from plant_io.drivers.opcua_prepared import _READ, PreparedRead, _Request


def test_a_prepared_read_travels_as_the_library_would_send_it() -> None:
    plain = ua.ReadRequest()
    plain.Parameters = ua.ReadParameters(
        MaxAge=ua.Double(5.0),
        TimestampsToReturn=ua.TimestampsToReturn.Both,
        NodesToRead=[
            ua.ReadValueId(ua.NodeId(ua.String("NIR.SPECTRUM"), ua.Int16(3)), ua.UInt32(13)),
            ua.ReadValueId(ua.NodeId(ua.Int32(2259)), ua.UInt32(14)),
        ],
    )
    prepared = _Request(_READ, plain.RequestHeader, PreparedRead(plain.Parameters))
    assert struct_to_binary(prepared) == struct_to_binary(plain)
