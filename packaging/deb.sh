#!/usr/bin/env bash
# deb.sh BIN OUT VERSION: the Debian package of the programs in BIN, into the folder
# OUT. dynemu.socket, the hypervisor's port, comes with the hypervisor.
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}
NFPM=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4

BIN=$1 out=$2 DEB_VERSION=$3
DEB_ARCH=$($GO env GOARCH)
STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT

for page in docs/man/*.[1578]; do
	section=${page##*.}
	mkdir -p "$STAGE/man$section"
	gzip -9nc "$page" >"$STAGE/man$section/$(basename "$page").gz"
done
mkdir -p "$STAGE"/{bash,zsh,fish}
for program in dynemu dynemud; do
	"$BIN/$program" completion bash >"$STAGE/bash/$program"
	"$BIN/$program" completion zsh >"$STAGE/zsh/_$program"
	"$BIN/$program" completion fish >"$STAGE/fish/$program.fish"
done

# nfpm knows variables in few places. A section of the manual without a page is left
# out.
sed -e "s|\${BIN}|$BIN|; s|\${STAGE}|$STAGE|; s|\${DEB_VERSION}|$DEB_VERSION|; s|\${DEB_ARCH}|$DEB_ARCH|" packaging/nfpm.yaml |
	while IFS= read -r line; do
		[[ $line =~ ($STAGE/man[0-9]) && ! -d ${BASH_REMATCH[1]} ]] || printf '%s\n' "$line"
	done >"$STAGE/nfpm.yaml"
mkdir -p "$out"
$GO run "$NFPM" package --config "$STAGE/nfpm.yaml" --packager deb --target "$out/dynemu_${DEB_VERSION}_$DEB_ARCH.deb"
