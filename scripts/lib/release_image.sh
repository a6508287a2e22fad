#!/usr/bin/env bash
# release_image.sh VERSION FILE TARGET...: the image of the targets for Linux, as one OCI archive with an entry for each processor. To be
# called by scripts/release, after the binaries are built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=$1 file=$2
shift 2
context=$CARGO_TARGET_DIR/release-image
platforms=()
rm -rf "$context"
for target in "$@"; do
    case $target in
        x86_64-unknown-linux-*) arch=amd64 ;;
        aarch64-unknown-linux-*) arch=arm64 ;;
        *) continue ;;
    esac
    # Two targets for one processor: the first named is in the image.
    [[ ! -d $context/$arch ]] || continue
    mkdir -p "$context/$arch"
    cp "$CARGO_TARGET_DIR/$target/dist/keyrot" "$context/$arch/keyrot"
    platforms+=("linux/$arch")
done
if ((${#platforms[@]} == 0)); then
    echo "no image: none of the targets is for Linux" >&2
    exit 0
fi
if ! command -v buildah >/dev/null; then
    echo "no image: buildah is not installed" >&2
    exit 0
fi
for certificates in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    [[ ! -f $certificates ]] || break
done
if [[ ! -f $certificates ]]; then
    echo "release: no certificates of authorities found on this machine; install ca-certificates" >&2
    exit 1
fi
cp "$certificates" "$context/ca-certificates.crt"

# A separate storage: that of the machine's user is neither used nor changed.
storage=$CARGO_TARGET_DIR/tools/buildah
tool=(buildah --root "$storage/root" --runroot "$storage/run" --storage-driver vfs)
"${tool[@]}" manifest rm "keyrot:$version" >/dev/null 2>&1 || true
"${tool[@]}" build --quiet --platform "$(IFS=, && echo "${platforms[*]}")" --timestamp "$SOURCE_DATE_EPOCH" \
    --build-arg "VERSION=$version" --manifest "keyrot:$version" --file keyrot-cli/deploy/Containerfile "$context" >/dev/null
rm -f "$file"
"${tool[@]}" manifest push --quiet --all "keyrot:$version" "oci-archive:$file:$version" >/dev/null
"${tool[@]}" rmi --all --force >/dev/null
