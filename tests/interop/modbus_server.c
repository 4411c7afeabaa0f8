/* A Modbus TCP server made with libmodbus. It says its port on standard output and ends with its standard input.

   input 0 to 199 with a hole at 50, which says exception 2; reading 1001 to 1011 says the exception of that number.
   input 10 to 17 hold 3.25 as float32 in the orders ABCD, CDAB, BADC and DCBA; input 20 and on hold integers.
   holding 0 to 199, coil and discrete 0 to 31; every third discrete input is set. */

#include <arpa/inet.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOLE = 50, FIRST_REFUSAL = 1000, LAST_REFUSAL = 1011, CLIENTS = 8 };

static void fill(modbus_mapping_t *map) {
    /* By hand, since modbus_set_float_abcd of libmodbus 3.1.6 gives on little-endian machines what others call BADC. */
    const uint16_t orders[] = {0x4050, 0x0000, 0x0000, 0x4050, 0x5040, 0x0000, 0x0000, 0x5040};
    for (int i = 0; i < 8; i++) map->tab_input_registers[10 + i] = orders[i];
    map->tab_input_registers[20] = (uint16_t)-2;
    int16_t *words = (int16_t *)map->tab_input_registers;
    const int32_t long_one = -70000;
    const int64_t longest = INT64_C(-5000000000);
    MODBUS_SET_INT32_TO_INT16(words, 22, long_one);
    MODBUS_SET_INT64_TO_INT16(words, 24, longest);
    map->tab_input_registers[30] = 0x0008;
    for (int i = 0; i < 32; i += 3) map->tab_input_bits[i] = 1;
}

/* Return the exception an inquiry is to be answered with, or 0. */
static unsigned refusal(const uint8_t *inquiry, int header) {
    const int function = inquiry[header];
    const int first = (inquiry[header + 1] << 8) + inquiry[header + 2];
    const int count = (inquiry[header + 3] << 8) + inquiry[header + 4];
    if (function != MODBUS_FC_READ_INPUT_REGISTERS) return 0;
    if (first > FIRST_REFUSAL && first <= LAST_REFUSAL && count == 1) return first - FIRST_REFUSAL;
    if (first <= HOLE && HOLE < first + count) return MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS;
    return 0;
}

/* Answer one inquiry; return whether the client is still there. */
static int answer(modbus_t *context, modbus_mapping_t *map, int client) {
    uint8_t inquiry[MODBUS_TCP_MAX_ADU_LENGTH];
    modbus_set_socket(context, client);
    const int length = modbus_receive(context, inquiry);
    if (length < 0) return 0;
    const unsigned code = refusal(inquiry, modbus_get_header_length(context));
    if (code) modbus_reply_exception(context, inquiry, code);
    else modbus_reply(context, inquiry, length, map);
    return 1;
}

static int listening(modbus_t *context) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    const int server = modbus_tcp_listen(context, CLIENTS);
    if (server < 0 || getsockname(server, (struct sockaddr *)&address, &size) < 0) exit(1);
    printf("{\"ready\": true, \"port\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);
    return server;
}

int main(void) {
    modbus_t *context = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *map = modbus_mapping_new(32, 32, 200, 200);
    if (context == NULL || map == NULL) return 1;
    fill(map);
    const int server = listening(context);
    fd_set known;
    FD_ZERO(&known);
    FD_SET(server, &known);
    FD_SET(STDIN_FILENO, &known);
    for (;;) {
        fd_set ready = known;
        if (select(FD_SETSIZE, &ready, NULL, NULL, NULL) < 0) return 1;
        if (FD_ISSET(STDIN_FILENO, &ready)) return 0;
        for (int end = 0; end < FD_SETSIZE; end++) {
            if (!FD_ISSET(end, &ready)) continue;
            if (end == server) {
                const int client = accept(server, NULL, NULL);
                if (client >= 0) FD_SET(client, &known);
            } else if (!answer(context, map, end)) {
                FD_CLR(end, &known);
                close(end);
            }
        }
    }
}
