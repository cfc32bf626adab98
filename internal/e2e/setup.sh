#!/bin/sh
# Installs the programs that the end-to-end tests start: crane, oras, regctl, versitygw and the OCI conformance suite (Go) into .build/bin,
# S3 clients (PyPI) into .build/venv, skopeo, buildah, podman and PostgreSQL from Debian where they are missing. With ZAS_NIGHTLY also what takes long to build.
# What is there already, built from the same pins, is left alone.
set -eu

e2e=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$e2e/../.." && pwd)/.build
mkdir -p "$build/bin"

# current NAME FILE... is true when NAME was installed from just these files.
current() {
	name=$1
	shift
	new=$(cat "$@" | cksum)
	[ -e "$build/$name.stamp" ] && [ "$(cat "$build/$name.stamp")" = "$new" ]
}

# stamp NAME FILE... notes what NAME was installed from.
stamp() {
	name=$1
	shift
	cat "$@" | cksum >"$build/$name.stamp"
}

# tool NAME PACKAGE builds a program that has a module of its own beneath tools.
tool() {
	dir=$e2e/tools/$1
	if [ -x "$build/bin/$1" ] && current "$1" "$dir/go.mod" "$dir/go.sum"; then
		return
	fi
	echo "building $1"
	GOWORK=off go build -C "$dir" -buildvcs=false -trimpath -ldflags '-s -w' -o "$build/bin/$1" "$2"
	stamp "$1" "$dir/go.mod" "$dir/go.sum"
}

# suite NAME builds a program from the tests of a module beneath tools.
suite() {
	dir=$e2e/tools/$1
	if [ -x "$build/bin/$1" ] && current "$1" "$dir"/*; then
		return
	fi
	echo "building $1"
	GOWORK=off go test -C "$dir" -c -buildvcs=false -trimpath -ldflags '-s -w' -o "$build/bin/$1" .
	stamp "$1" "$dir"/*
}

# debian PACKAGE... installs Debian packages, as root or with sudo.
debian() {
	root=
	if [ "$(id -u)" -ne 0 ]; then
		root=sudo
	fi
	$root apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq "$@" >/dev/null
}

python() {
	pins=$e2e/s3/requirements.txt
	if [ -x "$build/venv/bin/python" ] && current venv "$pins"; then
		return
	fi
	echo "installing the S3 clients of PyPI"
	rm -rf "$build/venv"
	if ! python3 -m venv "$build/venv" 2>/dev/null; then
		debian python3-venv
		rm -rf "$build/venv"
		python3 -m venv "$build/venv"
	fi
	"$build/venv/bin/pip" install --quiet --disable-pip-version-check -r "$pins"
	stamp venv "$pins"
}

javascript() {
	if [ -d "$build/s3js/node_modules" ] && current s3js "$e2e"/s3js/package*.json; then
		return
	fi
	command -v npm >/dev/null || debian nodejs npm
	echo "installing the AWS SDK for JavaScript"
	mkdir -p "$build/s3js"
	cp "$e2e"/s3js/package*.json "$build/s3js"
	(cd "$build/s3js" && npm ci --silent --no-audit --no-fund)
	stamp s3js "$e2e"/s3js/package*.json
}

java() {
	if [ -d "$build/s3java/classes" ] && current s3java "$e2e"/s3java/*; then
		return
	fi
	command -v javac >/dev/null && command -v mvn >/dev/null || debian default-jdk-headless maven
	echo "installing the AWS SDK for Java and s3a"
	rm -rf "$build/s3java"
	mvn -q -B -f "$e2e/s3java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$build/s3java/lib"
	javac -encoding UTF-8 -proc:none -cp "$build/s3java/lib/*" -d "$build/s3java/classes" "$e2e"/s3java/*.java
	stamp s3java "$e2e"/s3java/*
}

tool conformance github.com/opencontainers/distribution-spec/conformance
tool crane github.com/google/go-containerregistry/cmd/crane
tool oras oras.land/oras/cmd/oras
tool olareg github.com/olareg/olareg/cmd/olareg
tool regctl github.com/regclient/regclient/cmd/regctl
tool versitygw github.com/versity/versitygw/cmd/versitygw
if [ -n "${ZAS_NIGHTLY:-}" ]; then # these take long to build
	tool helm helm.sh/helm/v3/cmd/helm
	tool cosign github.com/sigstore/cosign/v3/cmd/cosign
	tool rclone github.com/rclone/rclone
	tool restic github.com/restic/restic/cmd/restic
	tool kopia github.com/kopia/kopia
	tool mc github.com/minio/mc
	tool tofu github.com/opentofu/opentofu/cmd/tofu
	suite objstore
fi
suite awssdk
command -v python3 >/dev/null || debian python3 python3-venv
python
javascript
java
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { echo "installing PostgreSQL" && debian postgresql; }
for engine in skopeo buildah podman; do
	command -v $engine >/dev/null || { echo "installing $engine" && debian $engine; }
done
