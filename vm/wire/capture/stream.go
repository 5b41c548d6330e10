package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"dynemu/vm/wire"
)

// The stream format, all numbers big-endian: eight bytes "dyncap01", the link type
// and the snaplen (32 bits each); then for each frame the time in ns since 1970
// (64 bits), how many bytes of it follow, how long it was, how many were dropped
// before it (32 bits each), the direction (8 bits), and three zeros.
const (
	streamMagic  = "dyncap01"
	streamHeader = len(streamMagic) + 8
	recordHeader = 24 // and no less than pcap's
)

func appendStreamHeader(b []byte, t LinkType, snaplen int) []byte {
	b = append(b, streamMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(t))
	return binary.BigEndian.AppendUint32(b, uint32(snaplen))
}

func appendRecord(b []byte, d wire.Direction, at time.Time, kept []byte, length int, dropped uint32) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixNano()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(kept)))
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	b = binary.BigEndian.AppendUint32(b, dropped)
	b = append(b, byte(d), 0, 0, 0)
	return append(b, kept...)
}

// Reader reads what a File of FormatStream writes.
type Reader struct {
	LinkType LinkType
	Snaplen  int

	r    io.Reader
	head [recordHeader]byte
	data []byte
}

// Record is a frame that was captured.
type Record struct {
	Direction wire.Direction
	Time      time.Time
	Length    int    // of the frame, in bytes
	Dropped   int    // frames that were dropped between the last record and this one
	Data      []byte // as much as was kept; valid until the next call
}

// NewReader reads the header of a stream.
func NewReader(r io.Reader) (*Reader, error) {
	var head [streamHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("capture stream: header: %w", err)
	}
	n := len(streamMagic)
	if string(head[:n]) != streamMagic {
		return nil, fmt.Errorf("capture stream: begins with %q; wanted: %q", head[:n], streamMagic)
	}
	t, snaplen := binary.BigEndian.Uint32(head[n:]), binary.BigEndian.Uint32(head[n+4:])
	if t > 0xFFFF || snaplen < 1 || snaplen > MaxSnaplen {
		return nil, fmt.Errorf("capture stream: link type %d, snaplen %d; wanted: up to 65535, 1 to %d", t, snaplen, MaxSnaplen)
	}
	return &Reader{LinkType: LinkType(t), Snaplen: int(snaplen), r: r}, nil
}

// Next returns the next frame. At the end of the stream it returns io.EOF, and
// io.ErrUnexpectedEOF when it ends within a frame.
func (r *Reader) Next() (Record, error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		return Record{}, err
	}
	h := r.head[:]
	kept, length, dropped, dir := binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:]), binary.BigEndian.Uint32(h[16:]), wire.Direction(h[20])
	if int64(kept) > int64(r.Snaplen) || kept > length || dir >= wire.Directions {
		return Record{}, fmt.Errorf("capture stream: %d bytes of a frame of %d, direction %d; wanted: up to %d and 0 or 1", kept, length, dir, r.Snaplen)
	}
	if cap(r.data) < int(kept) {
		r.data = make([]byte, kept)
	}
	r.data = r.data[:kept]
	if _, err := io.ReadFull(r.r, r.data); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Record{}, err
	}
	return Record{
		Direction: dir,
		Time:      time.Unix(0, int64(binary.BigEndian.Uint64(h))),
		Length:    int(length),
		Dropped:   int(dropped),
		Data:      r.data,
	}, nil
}
