//go:build !(386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64 || wasm)

package mem

// swap32 converts a host word to or from guest order.
func swap32(v uint32) uint32 { return v }
