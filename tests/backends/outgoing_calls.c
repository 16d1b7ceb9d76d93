/* Loaded by LD_PRELOAD: notes every look-up of a name and every connection that leaves the machine's own sockets. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void note(const char *call, const char *name) {
    FILE *file = fopen(getenv("OUTGOING_CALLS"), "a");
    if (file) {
        fprintf(file, "%s %s\n", call, name ? name : "");
        fclose(file);
    }
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        dlsym(RTLD_NEXT, "getaddrinfo");
    note("getaddrinfo", name);
    return real(name, service, hints, found);
}

struct hostent *gethostbyname(const char *name) {
    struct hostent *(*real)(const char *) = dlsym(RTLD_NEXT, "gethostbyname");
    note("gethostbyname", name);
    return real(name);
}

int connect(int socket, const struct sockaddr *address, socklen_t length) {
    int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    if (address->sa_family != AF_UNIX)
        note("connect", "");
    return real(socket, address, length);
}

ssize_t sendto(int socket, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t length) {
    ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "sendto");
    if (address && address->sa_family != AF_UNIX)
        note("sendto", "");
    return real(socket, data, size, flags, address, length);
}
