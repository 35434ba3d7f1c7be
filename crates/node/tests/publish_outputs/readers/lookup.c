/* Reads names, one a line, and writes each with the addresses this libc has for it. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(void) {
    char name[512];
    while (fgets(name, sizeof name, stdin)) {
        struct addrinfo hints = {0}, *found = NULL;
        hints.ai_socktype = SOCK_STREAM;
        name[strcspn(name, "\n")] = 0;
        fputs(name, stdout);
        if (getaddrinfo(name, NULL, &hints, &found) == 0) {
            for (struct addrinfo *one = found; one; one = one->ai_next) {
                char text[INET6_ADDRSTRLEN];
                const void *ip = one->ai_family == AF_INET
                    ? (const void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr
                    : (const void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr;
                printf(" %s", inet_ntop(one->ai_family, ip, text, sizeof text));
            }
            freeaddrinfo(found);
        }
        puts("");
    }
    return 0;
}
