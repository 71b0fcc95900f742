/*
 * What an epoll relay in C costs: the limit that the ratios of docs/benchmarks.md are
 * read beside. It reads no CONNECT, knows no half-close and no time limit, and takes the
 * nodes in turn; it opens with a PROXY v2 header and moves bytes as mqttlb does.
 *
 *   cc -O2 -o bin/limit bench/compare/limit/limit.c
 *   bin/mqttbench compare --alone --mqttlb bin/limit --only roundtrip-100
 *
 * The column and the ratio that say mqttlb are its own then. It is started as mqttlb is,
 * `limit serve -c FILE`, and takes from the file the first address to listen on and the
 * others as nodes. IPv4 only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct half {
	int fd;
	struct half *other;
	char *held; /* what it did not take */
	int length, sent;
};

enum { HEADER = 28 };

static char scratch[131072];
static struct sockaddr_in listens, nodes[8];
static int known, turn, epoll;

static void configure(const char *file)
{
	char line[512], ip[64], *at;
	int port;
	FILE *f = fopen(file, "r");

	while (f && fgets(line, sizeof line, f)) {
		if (!(at = strstr(line, "address: \"")) || sscanf(at + 10, "%63[0-9.]:%d", ip, &port) != 2)
			continue;
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
		inet_pton(AF_INET, ip, &a.sin_addr);
		if (!listens.sin_port)
			listens = a;
		else if (known < 8)
			nodes[known++] = a;
	}
	if (!known) {
		fprintf(stderr, "limit: no node in %s\n", file);
		exit(1);
	}
}

static struct half *watch(int fd)
{
	struct half *h = calloc(1, sizeof *h);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = h};

	h->fd = fd;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
	return h;
}

static void begin(int fd, struct sockaddr_in *client)
{
	static const char fixed[16] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
	int one = 1, n = recv(fd, scratch + HEADER, sizeof scratch - HEADER, 0);

	if (n <= 0) {
		close(fd);
		return;
	}
	int node = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(node, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	connect(node, (struct sockaddr *)&nodes[turn++ % known], sizeof nodes[0]);
	memcpy(scratch, fixed, 16);
	memcpy(scratch + 16, &client->sin_addr, 4);
	memcpy(scratch + 20, &listens.sin_addr, 4);
	memcpy(scratch + 24, &client->sin_port, 2);
	memcpy(scratch + 26, &listens.sin_port, 2);
	send(node, scratch, n + HEADER, MSG_NOSIGNAL);
	struct half *a = watch(fd), *b = watch(node);
	a->other = b;
	b->other = a;
}

static void end(struct half *h)
{
	close(h->fd);
	close(h->other->fd);
	h->fd = h->other->fd = -1; /* the structs are left: it may have an event in this turn */
}

static void pump(struct half *from, int drain)
{
	struct half *to = from->other;
	int n, w;

	while (!to->held) {
		n = recv(from->fd, scratch, sizeof scratch, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			end(from);
			return;
		}
		if (n < 0)
			return;
		w = send(to->fd, scratch, n, MSG_NOSIGNAL);
		w = w < 0 ? 0 : w;
		if (w < n) {
			to->length = n - w;
			to->sent = 0;
			to->held = malloc(n - w);
			memcpy(to->held, scratch + w, n - w);
		}
		if (n < (int)sizeof scratch && !drain)
			return;
	}
}

static void flush(struct half *h)
{
	int w = send(h->fd, h->held + h->sent, h->length - h->sent, MSG_NOSIGNAL);

	h->sent += w < 0 ? 0 : w;
	if (h->sent == h->length) {
		free(h->held);
		h->held = NULL;
		pump(h->other, 1);
	}
}

int main(int argc, char **argv)
{
	static struct epoll_event events[256];
	struct epoll_event e = {.events = EPOLLIN};
	int one = 1, fd;

	if (argc == 2) {
		puts("limit: an epoll relay in C"); /* `limit version` */
		return 0;
	}
	configure(argc == 4 ? argv[3] : "");
	epoll = epoll_create1(0);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(sock, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof one);
	if (bind(sock, (struct sockaddr *)&listens, sizeof listens) || listen(sock, 65535)) {
		perror("limit: listen");
		return 1;
	}
	epoll_ctl(epoll, EPOLL_CTL_ADD, sock, &e);
	for (;;) {
		int n = epoll_wait(epoll, events, 256, -1);
		for (int i = 0; i < n; i++) {
			struct half *h = events[i].data.ptr;
			uint32_t got = events[i].events;
			if (!h) {
				struct sockaddr_in client;
				for (int k = 0; k < 64; k++) {
					socklen_t size = sizeof client;
					if ((fd = accept4(sock, (struct sockaddr *)&client, &size, SOCK_NONBLOCK)) < 0)
						break;
					begin(fd, &client);
				}
				continue;
			}
			if (h->fd >= 0 && h->held && got & EPOLLOUT)
				flush(h);
			if (h->fd >= 0 && got & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
				pump(h, got & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
		}
	}
}
