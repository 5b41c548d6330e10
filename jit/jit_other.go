//go:build !linux || !amd64

package jit

import (
	"errors"
	"runtime"

	"dynemu/vm/mips"
)

// Supported reports whether there is a translator for this processor.
const Supported = false

// Engine is the translator, which this processor does not have.
type Engine struct{}

// New fails: there is no translator for this processor.
func New(*mips.CPU, Options) (*Engine, error) {
	return nil, errors.New("there is no translator for " + runtime.GOOS + "/" + runtime.GOARCH)
}

// Stats returns nothing.
func (e *Engine) Stats() Stats { return Stats{} }

// Close does nothing.
func (e *Engine) Close() {}
