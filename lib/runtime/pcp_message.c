#include "runtime/pcp_message.h"

#include "base/bytes.h"

#include <string.h>

#define VERSION 2
#define OPCODE_MAP 1
#define RESPONSE 128
#define SUCCESS 0
#define PROTOCOL_UDP 17 /* IANA */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}; /* RFC 6887 §5 */

static void write_ip(writer_t *writer, const address_t *address)
{
    writer_copy(writer, mapped_prefix, sizeof mapped_prefix);
    writer_copy(writer, address->bytes, 4);
}

void pcp_write_map(uint8_t message[PCP_MAP_SIZE], const pcp_map_t *map)
{
    writer_t writer;
    writer_init(&writer, message, PCP_MAP_SIZE);
    writer_u8(&writer, VERSION);
    writer_u8(&writer, OPCODE_MAP);
    writer_u16(&writer, 0);
    writer_u32(&writer, map->lifetime_s);
    write_ip(&writer, &map->local);
    writer_copy(&writer, map->nonce, PCP_NONCE_SIZE);
    writer_u8(&writer, PROTOCOL_UDP);
    writer_zero(&writer, 3);
    writer_u16(&writer, map->local.port);
    writer_u16(&writer, map->external.port);
    write_ip(&writer, &map->external);
}

bool pcp_read_map(const uint8_t *message, size_t length, pcp_map_t *map)
{
    reader_t reader;
    uint8_t version, opcode, reserved, result, protocol, nonce[PCP_NONCE_SIZE] = {0}, ip[16] = {0};
    uint16_t internal_port, external_port;
    uint32_t lifetime;
    if (length > PCP_RESPONSE_MAX || length % 4 != 0)
        return false;
    reader_init(&reader, message, length);
    reader_u8(&reader, &version);
    reader_u8(&reader, &opcode);
    reader_u8(&reader, &reserved);
    reader_u8(&reader, &result);
    reader_u32(&reader, &lifetime);
    reader_skip(&reader, 16); /* epoch; reserved */
    reader_copy(&reader, nonce, sizeof nonce);
    reader_u8(&reader, &protocol);
    reader_skip(&reader, 3);
    reader_u16(&reader, &internal_port);
    reader_u16(&reader, &external_port);
    reader_copy(&reader, ip, sizeof ip);
    if (reader.failed || version != VERSION || opcode != (RESPONSE | OPCODE_MAP) || result != SUCCESS || protocol != PROTOCOL_UDP ||
        internal_port != map->local.port || memcmp(nonce, map->nonce, sizeof nonce) != 0 ||
        memcmp(ip, mapped_prefix, sizeof mapped_prefix) != 0)
        return false;
    map->external = (address_t){.family = ADDRESS_IPV4, .port = external_port};
    memcpy(map->external.bytes, ip + 12, 4);
    map->lifetime_s = lifetime;
    return true;
}
