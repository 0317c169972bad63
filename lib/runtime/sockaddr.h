/* Between address_t and the operating system's socket addresses. */
#ifndef RUNTIME_SOCKADDR_H
#define RUNTIME_SOCKADDR_H

#include "base/address.h"

#include <netinet/in.h>
#include <sys/socket.h>

typedef union sockaddr_any {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
} sockaddr_any_t;

socklen_t sockaddr_from_address(sockaddr_any_t *sockaddr, const address_t *address); /* its length; 0 for an address of no family */
bool sockaddr_to_address(const struct sockaddr *sockaddr, address_t *address);       /* false: another family */

#endif
