/* A Modbus TCP client made with libmodbus, for the function mbpoll does not have: 23, write and read in one.

   modbus_client PORT UNIT WRITE_ADDRESS READ_ADDRESS COUNT WORD...
   prints what it read, one register to a line. */

#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIXED = 6, MOST = 121 };

int main(int given, char **words) {
    uint16_t written[MOST], read[MODBUS_MAX_WR_READ_REGISTERS];
    if (given <= FIXED || given - FIXED > MOST) return 2;
    const int count = atoi(words[5]), n = given - FIXED;
    for (int i = 0; i < n; i++) written[i] = (uint16_t)atoi(words[FIXED + i]);
    modbus_t *context = modbus_new_tcp("127.0.0.1", atoi(words[1]));
    modbus_set_slave(context, atoi(words[2]));
    if (count < 1 || count > MODBUS_MAX_WR_READ_REGISTERS || modbus_connect(context) < 0) return 2;
    const int got = modbus_write_and_read_registers(context, atoi(words[3]), n, written, atoi(words[4]), count, read);
    if (got < 0) fprintf(stderr, "%s\n", modbus_strerror(errno));
    for (int i = 0; i < got; i++) printf("%d\n", read[i]);
    modbus_close(context);
    modbus_free(context);
    return got == count ? 0 : 1;
}
