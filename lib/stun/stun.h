/* STUN messages (RFC 8489): a parsed view over received bytes, and a builder that writes into the caller's buffer. Nothing is allocated
 * and nothing is kept: a view is valid as long as its bytes. What the messages mean is the affair of ICE and TURN. */
#ifndef STUN_STUN_H
#define STUN_STUN_H

#include "base/address.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STUN_HEADER_SIZE 20
#define STUN_MAGIC_COOKIE 0x2112a442u
#define STUN_TRANSACTION_ID_SIZE 12
#define STUN_SHA1_SIZE 20
#define STUN_SHA256_SIZE 32
#define STUN_MAX_ATTRIBUTES 40           /* a message with more is malformed */
#define STUN_MAX_AUTHENTICATED_SIZE 2048 /* a larger message has no valid integrity: none of ICE or TURN comes near */

typedef enum stun_class {
    STUN_REQUEST = 0,
    STUN_INDICATION = 1,
    STUN_SUCCESS_RESPONSE = 2,
    STUN_ERROR_RESPONSE = 3,
} stun_class_t;

typedef enum stun_method {
    STUN_BINDING = 0x001,
    STUN_ALLOCATE = 0x003, /* and the following: RFC 8656 §17 */
    STUN_REFRESH = 0x004,
    STUN_SEND = 0x006,
    STUN_DATA = 0x007,
    STUN_CREATE_PERMISSION = 0x008,
    STUN_CHANNEL_BIND = 0x009,
} stun_method_t;

typedef enum stun_attribute_type {
    STUN_MAPPED_ADDRESS = 0x0001,
    STUN_CHANGE_REQUEST = 0x0003, /* RFC 5780 §7, as are RESPONSE-PORT, RESPONSE-ORIGIN and OTHER-ADDRESS: only its servers understand */
    STUN_USERNAME = 0x0006,
    STUN_MESSAGE_INTEGRITY = 0x0008,
    STUN_ERROR_CODE = 0x0009,
    STUN_UNKNOWN_ATTRIBUTES = 0x000a,
    STUN_CHANNEL_NUMBER = 0x000c,
    STUN_LIFETIME = 0x000d,
    STUN_XOR_PEER_ADDRESS = 0x0012,
    STUN_DATA_ATTRIBUTE = 0x0013,
    STUN_REALM = 0x0014,
    STUN_NONCE = 0x0015,
    STUN_XOR_RELAYED_ADDRESS = 0x0016,
    STUN_REQUESTED_ADDRESS_FAMILY = 0x0017,
    STUN_EVEN_PORT = 0x0018,
    STUN_REQUESTED_TRANSPORT = 0x0019,
    STUN_DONT_FRAGMENT = 0x001a,
    STUN_MESSAGE_INTEGRITY_SHA256 = 0x001c,
    STUN_PASSWORD_ALGORITHM = 0x001d,
    STUN_USERHASH = 0x001e,
    STUN_XOR_MAPPED_ADDRESS = 0x0020,
    STUN_RESERVATION_TOKEN = 0x0022,
    STUN_PRIORITY = 0x0024,
    STUN_USE_CANDIDATE = 0x0025,
    STUN_RESPONSE_PORT = 0x0027,
    STUN_ADDITIONAL_ADDRESS_FAMILY = 0x8000, /* from here on comprehension is optional */
    STUN_ADDRESS_ERROR_CODE = 0x8001,
    STUN_PASSWORD_ALGORITHMS = 0x8002,
    STUN_ALTERNATE_DOMAIN = 0x8003,
    STUN_ICMP = 0x8004,
    STUN_SOFTWARE = 0x8022,
    STUN_ALTERNATE_SERVER = 0x8023,
    STUN_FINGERPRINT = 0x8028,
    STUN_ICE_CONTROLLED = 0x8029,
    STUN_ICE_CONTROLLING = 0x802a,
    STUN_RESPONSE_ORIGIN = 0x802b,
    STUN_OTHER_ADDRESS = 0x802c,
    STUN_ADDITIONAL_ADDRESS_FAMILY_DRAFT = 0x8032, /* draft-martinsen-tram-ssoda, as coturn has it */
    STUN_NOMINATION = 0xc001,                      /* draft-thatcher-ice-renomination-01 §4 */
} stun_attribute_type_t;

#define STUN_CHANGE_IP 0x4u /* flags of CHANGE-REQUEST (RFC 5780 §7.2) */
#define STUN_CHANGE_PORT 0x2u

typedef enum stun_error_code {
    STUN_ERROR_TRY_ALTERNATE = 300,
    STUN_ERROR_BAD_REQUEST = 400,
    STUN_ERROR_UNAUTHENTICATED = 401,
    STUN_ERROR_UNKNOWN_ATTRIBUTE = 420,
    STUN_ERROR_STALE_NONCE = 438,
    STUN_ERROR_ROLE_CONFLICT = 487,
    STUN_ERROR_SERVER_ERROR = 500,
} stun_error_code_t;

typedef enum stun_hash {
    STUN_HASH_SHA1,   /* MESSAGE-INTEGRITY */
    STUN_HASH_SHA256, /* MESSAGE-INTEGRITY-SHA256 */
} stun_hash_t;

typedef enum stun_check {
    STUN_CHECK_ABSENT,
    STUN_CHECK_VALID,
    STUN_CHECK_INVALID,
} stun_check_t;

typedef struct stun_attribute {
    uint16_t type;
    uint16_t length;
    uint16_t offset; /* of the value, from the message's start */
} stun_attribute_t;

typedef struct stun_message {
    const uint8_t *data;
    size_t length;
    stun_class_t class;
    uint16_t method;
    const uint8_t *transaction_id; /* into data */
    size_t attribute_count;
    stun_attribute_t attributes[STUN_MAX_ATTRIBUTES];
} stun_message_t;

/* Whether a datagram can be STUN: its first two bits, the magic cookie and the length agree (RFC 8489 §5, RFC 7983). */
bool stun_is_message(const uint8_t *data, size_t length);
/* False for anything that is not exactly one well-formed message. Attributes behind an integrity attribute are left out, as they are not
 * protected by it (RFC 8489 §14.5), except the ones that have their place there. */
bool stun_parse(stun_message_t *message, const uint8_t *data, size_t length);

/* The first attribute of a type (RFC 8489 §14: later ones are ignored); each returns false when it is absent or has a wrong form. */
bool stun_has(const stun_message_t *message, uint16_t type);
bool stun_get_bytes(const stun_message_t *message, uint16_t type, const uint8_t **value, size_t *length);
bool stun_get_u32(const stun_message_t *message, uint16_t type, uint32_t *value);
bool stun_get_u64(const stun_message_t *message, uint16_t type, uint64_t *value);
bool stun_get_address(const stun_message_t *message, uint16_t type, address_t *address);       /* as MAPPED-ADDRESS */
bool stun_get_xor_address(const stun_message_t *message, uint16_t type, address_t *address);   /* as XOR-MAPPED-ADDRESS */
bool stun_get_xor_address_at(const stun_message_t *message, size_t index, address_t *address); /* of attributes[index], whatever its type */
bool stun_get_mapped_address(const stun_message_t *message, address_t *address);               /* XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS */
bool stun_get_error(const stun_message_t *message, uint16_t *code, const char **reason, size_t *reason_length);
/* The types of comprehension-required attributes that are not in stun_attribute_type_t, or of RFC 5780's servers alone; returns how many
 * were stored. */
size_t stun_unknown_attributes(const stun_message_t *message, uint16_t *types, size_t capacity);

stun_check_t stun_check_integrity(const stun_message_t *message, stun_hash_t hash, const void *key, size_t key_length);
stun_check_t stun_check_fingerprint(const stun_message_t *message);

/* The builder remembers that the buffer was too small; stun_build_end() then gives 0. */
typedef struct stun_builder {
    writer_t writer;
} stun_builder_t;

void stun_build_begin(stun_builder_t *builder, void *buffer, size_t capacity, stun_class_t class, uint16_t method,
                      const uint8_t transaction_id[STUN_TRANSACTION_ID_SIZE]);
void stun_build_bytes(stun_builder_t *builder, uint16_t type, const void *value, size_t length);
void stun_build_flag(stun_builder_t *builder, uint16_t type);
void stun_build_u32(stun_builder_t *builder, uint16_t type, uint32_t value);
void stun_build_u64(stun_builder_t *builder, uint16_t type, uint64_t value);
void stun_build_address(stun_builder_t *builder, uint16_t type, const address_t *address);
void stun_build_xor_address(stun_builder_t *builder, uint16_t type, const address_t *address);
void stun_build_error(stun_builder_t *builder, uint16_t code, const char *reason);
void stun_build_unknown_attributes(stun_builder_t *builder, const uint16_t *types, size_t count);
/* Protects what was built so far. Only a second integrity attribute and the fingerprint may follow. */
void stun_build_integrity(stun_builder_t *builder, stun_hash_t hash, const void *key, size_t key_length);
void stun_build_fingerprint(stun_builder_t *builder);
size_t stun_build_end(stun_builder_t *builder); /* the message's length, 0 when it did not fit */

#endif
