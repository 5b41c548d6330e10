package chiptest

// Group addresses: of CDP, and of OSPF over Ethernet.
var (
	GroupCDP  = [6]byte{0x01, 0x00, 0x0C, 0xCC, 0xCC, 0xCC}
	GroupOSPF = [6]byte{0x01, 0x00, 0x5E, 0x00, 0x00, 0x05}
)

// Frame returns an Ethernet frame of n bytes to dst. Shorter ones have the
// beginning of the address.
func Frame(dst [6]byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + 1)
	}
	copy(b, dst[:])
	return b
}
