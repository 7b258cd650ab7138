#!/bin/sh
# Executes a command with an ssh server on loopback, in a mount namespace of its own: PLACE PACKAGES PORT COMMAND..
set -eu
place=$1 packages=$2 port=$3
shift 3
libraries=$packages/usr/lib/x86_64-linux-gnu:$packages/lib/x86_64-linux-gnu
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir /run/sshd
# The server wants a user of its own, and root's home is to stay as it is.
sed "s|^root:\(.*\):[^:]*:\([^:]*\)$|root:\1:$place/home:\2|" /etc/passwd >"$place/passwd"
grep -q ^sshd: "$place/passwd" || echo 'sshd:x:60999:65534::/run/sshd:/usr/sbin/nologin' >>"$place/passwd"
mount --bind "$place/passwd" /etc/passwd
ssh-keygen -q -t ed25519 -N '' -f "$place/host-key"
ssh-keygen -q -t ed25519 -N '' -f "$place/key"
cat >"$place/sshd_config" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $place/host-key
AuthorizedKeysFile $place/key.pub
StrictModes no
UsePAM no
PidFile none
MaxStartups 50
SetEnv PATH=$packages/usr/bin:/usr/bin:/bin LD_LIBRARY_PATH=$libraries
END
cat >"$place/ssh_config" <<END
Host one two three
  HostName 127.0.0.1
  Port $port
  User root
  IdentityFile $place/key
  StrictHostKeyChecking no
  UserKnownHostsFile $place/known-hosts
  LogLevel ERROR
END
export LD_LIBRARY_PATH="$libraries"
"$packages/usr/sbin/sshd" -D -e -f "$place/sshd_config" 2>"$place/sshd.log" &
server=$!
trap 'kill "$server"; wait "$server" || true' EXIT
"$@"
