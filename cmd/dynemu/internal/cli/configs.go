package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"dynemu/cmd/dynemu/internal/tree"
	"dynemu/emud/lab"
)

// The commands about the configurations of routers.

const allOrRouters = "{/all | [LAB/]DEVICE ...}"

// eachRouter runs fn on the routers that words name, in the order of the status
// table for /all. What fails does not stop the others.
func (a *app) eachRouter(words []string, fn func(tree.Device) error) error {
	devices, named, failed, err := a.choose(words, slices.Contains(words, "/all"))
	if err != nil {
		return err
	}
	for _, d := range devices {
		if a.interrupted() {
			return errReported
		}
		if !d.Router() {
			if named[d.ID()] {
				a.complain(fmt.Errorf("%s is a switch and has no configuration", d.Name))
				failed = true
			}
			continue
		}
		if err := fn(d); err != nil {
			a.complain(fmt.Errorf("%s: %w", d.Name, err))
			failed = true
		}
	}
	if failed {
		return errReported
	}
	return nil
}

func (a *app) confReg() *cobra.Command {
	return &cobra.Command{
		Use: "confreg " + allOrRouters + " 0xVALUE", Short: "Set the configuration registers of routers",
		Long: `Set the configuration register of routers, for their next start or reload:
0x2102 is the usual one, 0x2142 ignores the startup configuration.`,
		Args:                  needs(2, -1, "routers and a value such as 0x2142"),
		DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(false, true),
		RunE: does(func(words []string) error {
			value := words[len(words)-1]
			digits, ok := strings.CutPrefix(strings.ToLower(value), "0x")
			if _, err := strconv.ParseUint(digits, 16, 16); !ok || err != nil {
				return fmt.Errorf("No confreg value specified: the last word is %q, not 0x0 to 0xffff", value) //lint:ignore ST1005 Dynagen's words
			}
			return a.eachRouter(words[:len(words)-1], func(d tree.Device) error {
				return a.tree.Command(a.tree.Dir(d), "confreg "+value)
			})
		}),
	}
}

func (a *app) cpuInfo() *cobra.Command {
	return &cobra.Command{
		Use: "cpuinfo " + allOrRouters, Short: "Show what the processors of routers do",
		Args:                  needs(1, -1, "the names of routers, or /all"),
		DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(false, true),
		RunE: does(func(words []string) error {
			return a.eachRouter(words, func(d tree.Device) error {
				text, err := a.tree.Read(d, "stats")
				if err != nil {
					return err
				}
				if text == "" {
					fmt.Fprintf(a.Out, "Skipping stopped device: %s\n", d.Name)
					return nil
				}
				fmt.Fprintf(a.Out, "%s:\n", d.Name)
				for line := range strings.Lines(text) {
					fmt.Fprint(a.Out, "  "+line)
				}
				return nil
			})
		}),
	}
}

// save puts the configurations in NVRAM into the lab files.
func (a *app) save() *cobra.Command {
	return &cobra.Command{
		Use: "save " + allOrRouters, Short: "Save configurations in the lab file",
		Long: `Save the startup configurations that are in the NVRAM of routers in the lab
file, as configuration = in each one's section. "copy running-config
startup-config" of the router itself puts its configuration into its NVRAM.`,
		Args:                  needs(1, -1, "the names of routers, or /all"),
		DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(false, true),
		RunE: does(a.saveConfigs),
	}
}

func (a *app) saveConfigs(words []string) error {
	edits := map[string]*lab.Editor{}
	var labs, saved []string
	err := a.eachRouter(words, func(d tree.Device) error {
		config, err := a.tree.Read(d, "startup-config")
		if err != nil {
			return err
		}
		if config == "" {
			return errors.New("its NVRAM holds no configuration")
		}
		e := edits[d.Lab]
		if e == nil {
			text, err := a.tree.LabText(d.Lab)
			if err != nil {
				return err
			}
			e = lab.NewEditor(text)
			edits[d.Lab] = e
			labs = append(labs, d.Lab)
		}
		section := deviceSection(e, d.Name)
		if section == nil {
			return fmt.Errorf("section ROUTER %s not found in %s.net", d.Name, d.Lab)
		}
		saved = append(saved, d.Name)
		return e.Set("configuration", base64.StdEncoding.EncodeToString([]byte(config)), section...)
	})
	var f failure
	if err != nil && !errors.As(err, &f) {
		return err
	}
	for _, name := range labs {
		if _, aerr := a.apply(name, edits[name].Text()); aerr != nil {
			return aerr
		}
	}
	for _, name := range saved {
		fmt.Fprintf(a.Out, "saved configuration from: %s\n", name)
	}
	return err
}

// apply replaces a lab's file, and the user's own copy with it where the console
// was started with that and it was the same.
func (a *app) apply(name string, text []byte) (string, error) {
	was, err := a.tree.LabText(name)
	if err != nil {
		return "", err
	}
	result, err := a.tree.Apply(name, text, a.wait)
	if err == nil {
		err = a.keepOwn(name, was)
	}
	return result, err
}

// replaceFile puts text into a file so that it has the old or the new at any time.
func replaceFile(file string, text []byte) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".dynemu-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(text)
	if err == nil {
		err = temp.Chmod(info.Mode().Perm())
	}
	if closing := temp.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	return err
}

// deviceSection returns the path of a device's section in a lab file.
func deviceSection(e *lab.Editor, name string) []string {
	for _, server := range e.Sections() {
		for _, s := range e.Sections(server) {
			if typ, device, ok := strings.Cut(strings.TrimSpace(s), " "); ok && strings.TrimSpace(device) == name && typ != "" {
				return []string{server, s}
			}
		}
	}
	return nil
}

func (a *app) push() *cobra.Command {
	return &cobra.Command{
		Use: "push " + allOrRouters, Short: "Put the lab file's configurations into routers",
		Long: `Put the configurations that are in the lab file (configuration =, as save
writes it) or that it names (cnfg =) into the NVRAM of routers, in place of what
is there. A running router takes it at its next reload.`,
		Args:                  needs(1, -1, "the names of routers, or /all"),
		DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(false, true),
		RunE: does(func(words []string) error {
			return a.eachRouter(words, func(d tree.Device) error {
				config, err := a.labConfig(d)
				if err != nil {
					return err
				}
				if len(config) == 0 {
					fmt.Fprintf(a.Out, "No saved configuration found for device: %s\n", d.Name)
					return nil
				}
				if err := a.tree.Write(d, "startup-config", config); err != nil {
					return err
				}
				fmt.Fprintf(a.Out, "Pushed config to: %s\n", d.Name)
				return nil
			})
		}),
	}
}

// labConfig is the configuration that the lab file has for a router; nil for
// none.
func (a *app) labConfig(d tree.Device) ([]byte, error) {
	text, err := a.tree.LabText(d.Lab)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	parsed, messages := lab.Parse(d.Lab+".net", text, host)
	if parsed == nil {
		return nil, fmt.Errorf("%s.net has errors: %v", d.Lab, messages[0])
	}
	for _, r := range parsed.Routers {
		switch {
		case r.Name != d.Name:
		case r.Configuration != "":
			return []byte(r.Configuration), nil
		case r.Config != "":
			file := strings.ReplaceAll(r.Config, `\`, "/")
			if !path.IsAbs(file) {
				file = a.tree.Path("labs", d.Lab, "files", file)
			}
			return os.ReadFile(file)
		}
	}
	return nil, nil
}

func (a *app) exportConfigs() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "export " + allOrRouters + ` "DIRECTORY"`, Short: "Write configurations to a directory",
		Long: `Write the startup configurations that are in the NVRAM of routers to
DIRECTORY/DEVICE.cfg. A relative directory is beside the lab file that the
console was started with, or else in the current one. One that exists is asked
about.`,
		Args: needs(2, -1, "routers and a directory"), DisableFlagsInUseLine: true,
		ValidArgsFunction: a.devicesThenDirectory,
		RunE: does(func(words []string) error {
			named := words[len(words)-1]
			dir := a.beside(named)
			switch _, err := os.Stat(dir); {
			case err == nil && !force:
				question := fmt.Sprintf("The directory %q already exists. Ok to overwrite (Y/N)? ", named)
				answer, err := a.ask(question)
				if err != nil {
					return err
				}
				if !strings.EqualFold(answer, "y") && !strings.EqualFold(answer, "yes") {
					return fmt.Errorf("nothing exported: %q exists (--force overwrites without a question)", named)
				}
			case errors.Is(err, fs.ErrNotExist):
				if err := os.MkdirAll(dir, 0o755); err != nil {
					return err
				}
			case err != nil:
				return err
			}
			return a.eachRouter(words[:len(words)-1], func(d tree.Device) error {
				config, err := a.tree.Read(d, "startup-config")
				if err != nil {
					return err
				}
				if config == "" {
					fmt.Fprintf(a.Out, "No saved configuration found for device: %s\n", d.Name)
					return nil
				}
				fmt.Fprintf(a.Out, "Exporting %s to %q\n", d.Name, path.Join(named, d.Name+".cfg"))
				return os.WriteFile(filepath.Join(dir, d.Name+".cfg"), []byte(strings.ReplaceAll(config, "\r", "")), 0o644)
			})
		}),
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "overwrite without a question")
	return cmd
}

// beside makes a relative path one beside the lab file of the console.
func (a *app) beside(file string) string {
	if a.shell != nil && a.shell.file != "" && !filepath.IsAbs(file) {
		return filepath.Join(filepath.Dir(a.shell.file), file)
	}
	return file
}

func (a *app) importConfigs() *cobra.Command {
	return &cobra.Command{
		Use: "import " + allOrRouters + ` "DIRECTORY"`, Short: "Read configurations from a directory",
		Long: `Read configurations from the files DEVICE.cfg of a directory into the NVRAM of
routers, in place of what is there. A running router takes it at its next
reload.`,
		Args: needs(2, -1, "routers and a directory"), DisableFlagsInUseLine: true,
		ValidArgsFunction: a.devicesThenDirectory,
		RunE: does(func(words []string) error {
			dir := a.beside(words[len(words)-1])
			entries, err := os.ReadDir(dir)
			if err != nil {
				return err
			}
			files := map[string]string{}
			for _, e := range entries {
				if ext := filepath.Ext(e.Name()); strings.EqualFold(ext, ".cfg") {
					files[strings.TrimSuffix(e.Name(), ext)] = e.Name()
				}
			}
			words = words[:len(words)-1]
			all := slices.Contains(words, "/all")
			known := map[string]bool{}
			err = a.eachRouter(words, func(d tree.Device) error {
				known[d.Name] = true
				file := files[d.Name]
				if file == "" {
					if all {
						return nil
					}
					return fmt.Errorf("there is no %s", filepath.Join(dir, d.Name+".cfg"))
				}
				config, err := os.ReadFile(filepath.Join(dir, file))
				if err != nil {
					return err
				}
				fmt.Fprintf(a.Out, "Importing %s from %q\n", d.Name, file)
				return a.tree.Write(d, "startup-config", config)
			})
			if !all {
				return err
			}
			for _, e := range entries {
				ext := filepath.Ext(e.Name())
				if name := strings.TrimSuffix(e.Name(), ext); files[name] == e.Name() && !known[name] {
					a.complain(fmt.Errorf("Ignoring unknown device: %s", name)) //lint:ignore ST1005 Dynagen's words
				}
			}
			return err
		}),
	}
}

// devicesThenDirectory completes names of devices and a directory.
func (a *app) devicesThenDirectory(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.deviceNames(false, true)(cmd, args, word)
	}
	names, _ := a.deviceNames(false, false)(cmd, args, word)
	return names, cobra.ShellCompDirectiveDefault
}

// copyCommand is what Dynagen calls saving the whole lab.
func (a *app) copyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "copy run start", Short: "Save the lab and all configurations in the lab file",
		Long: `Save the startup configurations of all routers in the lab file, as save /all
does. All else of the lab is in its file already. A file that the console was
started with gets the text of the lab as it is now.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 || !startsWord("running-config", args[0]) || !startsWord("startup-config", args[1]) {
				return fmt.Errorf("invalid copy command: %s", cmd.UseLine())
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return map[int][]string{0: {"run"}, 1: {"start"}}[len(args)], cobra.ShellCompDirectiveNoFileComp
		},
		RunE: does(func([]string) error {
			devices, err := a.tree.Status()
			if err != nil {
				return err
			}
			var words []string
			for _, d := range devices {
				if !d.Router() {
					continue
				}
				if config, err := a.tree.Read(d, "startup-config"); err == nil && config != "" {
					words = append(words, d.ID())
				}
			}
			if len(words) > 0 {
				if err := a.saveConfigs(words); err != nil {
					return err
				}
			}
			if a.shell == nil || a.shell.file == "" {
				return nil
			}
			text, err := a.tree.LabText(a.tree.Lab)
			if err != nil {
				return err
			}
			return replaceFile(a.shell.file, text)
		}),
	}
}

// startsWord reports whether word abbreviates name, by three letters or more.
func startsWord(name, word string) bool { return len(word) >= 3 && strings.HasPrefix(name, word) }

// python refuses what Dynagen offers.
func (a *app) python() *cobra.Command {
	cmd := &cobra.Command{
		Use: "py", Short: "Not offered: dynemu runs no Python", Hidden: true,
		RunE: does(func([]string) error {
			return fmt.Errorf("py is not offered: dynemu runs no Python. Scripts use the files under %s, or commands such as \"dynemu list --json\"", a.tree.Mount)
		}),
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}
