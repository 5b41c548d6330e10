package emud

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"dynemu/emud/node/store"
	"dynemu/vm/chip/nvram"
)

// layouts are where each model keeps its configurations.
var layouts = map[string]nvram.Layout{"7200": nvram.C7200}

// layout of the device's NVRAM.
func (dev *Device) layout() (nvram.Layout, error) {
	model := dev.Router().Model
	l, ok := layouts[model]
	if !ok {
		return l, refuse(syscall.ENOTSUP, "the configurations of a %s are not known to this program", model)
	}
	return l, nil
}

// content returns the content of the device's NVRAM, running or not.
func (dev *Device) content() ([]byte, error) {
	if n := dev.running(); n != nil {
		return n.NVRAM()
	}
	content := make([]byte, dev.asked().NVRAM<<10)
	f, err := os.Open(dev.nvramPath())
	if errors.Is(err, fs.ErrNotExist) {
		return content, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stored, _, err := store.Load(f) // as the router would find it; its log says what is wrong
	if err != nil {
		return nil, fmt.Errorf("NVRAM of %s: %w", dev.name, err)
	}
	copy(content, stored)
	return content, nil
}

// setContent replaces the content of the device's NVRAM, running or not.
func (dev *Device) setContent(content []byte) error {
	if n := dev.running(); n != nil {
		return n.SetNVRAM(content)
	}
	f, err := os.OpenFile(dev.nvramPath(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return store.Write(f, content)
}

// NVRAM is the raw content of the device's NVRAM.
func (dev *Device) NVRAM() ([]byte, error) { return dev.content() }

// SetNVRAM replaces the NVRAM of a stopped device.
func (dev *Device) SetNVRAM(content []byte) error {
	return dev.command(func() error {
		if dev.running() != nil {
			return refuse(syscall.EBUSY, "nvram of %s cannot be written while it runs; stop it, or write startup-config", dev.name)
		}
		if size := dev.asked().NVRAM << 10; len(content) != size {
			return refuse(syscall.EINVAL, "nvram of %s holds %d bytes, got %d", dev.name, size, len(content))
		}
		return dev.setContent(content)
	})
}

// Configs returns the two configurations in the device's NVRAM. An NVRAM with
// none has empty ones.
func (dev *Device) Configs() (startup, private []byte, err error) {
	layout, err := dev.layout()
	if err != nil {
		return nil, nil, err
	}
	content, err := dev.content()
	if err != nil {
		return nil, nil, err
	}
	startup, private, err = nvram.ReadConfigs(content, layout)
	if errors.Is(err, nvram.ErrNoFileSystem) {
		return nil, nil, nil
	}
	return startup, private, err
}

// SetConfig replaces the startup configuration, or the private one, in the
// NVRAM of the device, running or not. An empty text removes it.
func (dev *Device) SetConfig(private bool, text []byte) error {
	return dev.command(func() error { return dev.setConfig(private, text) })
}

func (dev *Device) setConfig(private bool, text []byte) error {
	layout, err := dev.layout()
	if err != nil {
		return err
	}
	if n := dev.running(); n != nil {
		// The node does it in one step for its guest, which writes NVRAM too.
		if err := n.SetConfig(private, text); err != nil {
			return refuse(syscall.EINVAL, "configuration of %s: %v", dev.name, err)
		}
		return nil
	}
	content, err := dev.content()
	if err != nil {
		return err
	}
	next := bytes.Clone(content)
	if text == nil {
		text = []byte{}
	}
	var startup, priv []byte
	if private {
		priv = text
	} else {
		startup = text
	}
	if err := nvram.WriteConfigs(next, layout, startup, priv); err != nil {
		return refuse(syscall.EINVAL, "configuration of %s: %v", dev.name, err)
	}
	if bytes.Equal(next, content) {
		return nil
	}
	return dev.setContent(next)
}

// firstConfig puts the configuration that the lab file names or holds into an
// NVRAM that was never written. What cannot be found leaves it empty, and the
// error says so.
func (dev *Device) firstConfig() error {
	r := dev.asked()
	if r.Config == "" && r.Configuration == "" {
		return nil
	}
	content, err := dev.content()
	if err != nil {
		return err
	}
	for _, b := range content {
		if b != 0 {
			return nil
		}
	}
	text := []byte(r.Configuration)
	if r.Configuration == "" {
		if text, err = dev.lab.readConfig(r.Config); err != nil {
			return err
		}
	}
	return dev.setConfig(false, text)
}

// maxConfig bounds a configuration file that a lab file names, in bytes.
const maxConfig = 1 << 20

// readConfig reads a file that the lab file names: beneath the lab's folder, or
// by an absolute path.
func (l *Lab) readConfig(name string) ([]byte, error) {
	slashed := strings.ReplaceAll(name, `\`, "/")
	var f *os.File
	var err error
	if filepath.IsAbs(name) {
		f, err = openRegular(l.d.hostPath(name))
	} else {
		if !filepath.IsLocal(slashed) {
			slashed = slashed[strings.LastIndexByte(slashed, '/')+1:]
		}
		f, err = openBeneath(l.FilesDir(), slashed)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration %q: %w", name, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = fmt.Errorf("configuration %q is larger than %d bytes", name, maxConfig)
	}
	return text, err
}
