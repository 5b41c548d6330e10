package chip

// Storage is what a chip that keeps its content without power stores it in: a
// flash SIMM or a disk. It is a file of a fixed size. A chip writes a unit that
// the guest completed with one WriteAt.
type Storage interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	// Size is the number of bytes that there are.
	Size() int64
	// Sync has what was written reach the medium. It may take its time.
	Sync() error
}
