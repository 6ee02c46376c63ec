/*
 * The floor of a container's life: clone into six namespaces, an overlay root, the usual mounts, pivot_root, a cgroup in
 * every hierarchy, exec of /bin/true, wait, and everything removed again. Prints the nanoseconds it took.
 *
 * usage: floor FOLDER ROOTFS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 32

static char cgroups[MOST][PATH_MAX];
static int count;
static char upper[PATH_MAX], work[PATH_MAX], merged[PATH_MAX], options[3 * PATH_MAX + 64];
static int gate[2];

static void must(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
		_exit(1);
	}
}

/* Every cgroup hierarchy that is mounted gets a directory of ours. */
static void find_cgroups(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	struct mntent *entry;

	while (mounts && (entry = getmntent(mounts)) && count < MOST)
		if (!strcmp(entry->mnt_type, "cgroup") || !strcmp(entry->mnt_type, "cgroup2"))
			snprintf(cgroups[count++], PATH_MAX, "%s/hull-floor-%d", entry->mnt_dir, getpid());
	if (mounts)
		endmntent(mounts);
}

static int child(void *unused)
{
	char byte;

	(void)unused;
	/* The parent moves us into our cgroups before we go on. */
	must(read(gate[0], &byte, 1), "wait for the parent");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
	must(mount("overlay", merged, "overlay", 0, options), "mount overlay");
	must(chdir(merged), "chdir");
	must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "mount proc");
	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k"), "mount dev");
	must(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL), "mount sys");
	must(sethostname("floor", 5), "sethostname");
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "detach the old root");
	must(chdir("/"), "chdir /");
	execl("/bin/true", "true", (char *)NULL);
	must(-1, "exec /bin/true");
	return 1;
}

int main(int argc, char **argv)
{
	static char stack[256 * 1024] __attribute__((aligned(16)));
	struct timespec start, end;
	char path[PATH_MAX + 32], pid_text[16];
	int pid, status, i, length;

	if (argc != 3) {
		fprintf(stderr, "usage: floor FOLDER ROOTFS\n");
		return 2;
	}
	find_cgroups();
	if (mkdir(argv[1], 0700) < 0 && errno != EEXIST)
		must(-1, "make the folder");
	snprintf(upper, sizeof(upper), "%s/upper", argv[1]);
	snprintf(work, sizeof(work), "%s/work", argv[1]);
	snprintf(merged, sizeof(merged), "%s/merged", argv[1]);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", argv[2], upper, work);

	clock_gettime(CLOCK_MONOTONIC, &start);
	must(mkdir(upper, 0755), "mkdir upper");
	must(mkdir(work, 0755), "mkdir work");
	must(mkdir(merged, 0755), "mkdir merged");
	for (i = 0; i < count; i++) {
		must(mkdir(cgroups[i], 0755), cgroups[i]);
		if (strstr(cgroups[i], "/cpuset/")) {
			/* A v1 cpuset is empty until it is told: take all that the root has. */
			FILE *from;
			const char *names[] = {"cpuset.cpus", "cpuset.mems"};
			for (int n = 0; n < 2; n++) {
				char value[256] = "";
				snprintf(path, sizeof(path), "%s/../%s", cgroups[i], names[n]);
				from = fopen(path, "r");
				if (from && fgets(value, sizeof(value), from)) {
					snprintf(path, sizeof(path), "%s/%s", cgroups[i], names[n]);
					FILE *to = fopen(path, "w");
					if (to) {
						fputs(value, to);
						fclose(to);
					}
				}
				if (from)
					fclose(from);
			}
		}
	}
	must(pipe2(gate, O_CLOEXEC), "pipe");
	pid = clone(child, stack + sizeof(stack),
		    CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP | SIGCHLD, NULL);
	must(pid, "clone");
	length = snprintf(pid_text, sizeof(pid_text), "%d", pid);
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", cgroups[i]);
		int procs = open(path, O_WRONLY | O_CLOEXEC);
		must(procs, path);
		must(write(procs, pid_text, length), path);
		close(procs);
	}
	must(write(gate[1], "x", 1), "let the child go");
	must(waitpid(pid, &status, 0), "waitpid");
	for (i = 0; i < count; i++)
		must(rmdir(cgroups[i]), cgroups[i]);
	snprintf(path, sizeof(path), "%s/work", work);
	rmdir(path);
	must(rmdir(work), "rmdir work");
	must(rmdir(upper), "rmdir upper");
	must(rmdir(merged), "rmdir merged");
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (status) {
		fprintf(stderr, "floor: /bin/true ended with status %d\n", status);
		return 1;
	}
	printf("%lld\n", (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec);
	return 0;
}
