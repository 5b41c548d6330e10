package netns

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// redirect sends every frame that comes in at interface from out at interface
// to: a clsact discipline with one u32 filter without keys, which matches
// everything down to a bare Ethernet header, and a mirred action. The filter
// dies with either interface. It does nothing when it is there.
func (h *handle) redirect(from, to netlink.Link) error {
	have, err := h.redirectsTo(from)
	if err != nil {
		return err
	}
	if len(have) == 1 && have[0] == to.Attrs().Index {
		return nil
	}
	if err := h.clearRedirect(from); err != nil {
		return err
	}
	clsact := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: from.Attrs().Index,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}}
	if err := h.QdiscReplace(clsact); err != nil {
		return fmt.Errorf("add clsact to %s: %w", from.Attrs().Name, err)
	}
	filter := &netlink.U32{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: from.Attrs().Index,
			Parent:    netlink.HANDLE_MIN_INGRESS,
			Priority:  1,
			Protocol:  unix.ETH_P_ALL,
		},
		Sel:     &netlink.TcU32Sel{Flags: netlink.TC_U32_TERMINAL},
		Actions: []netlink.Action{netlink.NewMirredAction(to.Attrs().Index)},
	}
	if err := h.FilterAdd(filter); err != nil {
		return fmt.Errorf("redirect %s to %s: %w", from.Attrs().Name, to.Attrs().Name, err)
	}
	return nil
}

// redirectsTo returns the interface index that each filter of l sends to, 0 for
// a filter whose target is gone or that is none of ours.
func (h *handle) redirectsTo(l netlink.Link) ([]int, error) {
	has, err := h.hasClsact(l)
	if err != nil || !has {
		return nil, err
	}
	filters, err := h.FilterList(l, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return nil, fmt.Errorf("list filters of %s: %w", l.Attrs().Name, err)
	}
	var targets []int
	for _, f := range filters {
		u, ok := f.(*netlink.U32)
		if ok && len(u.Actions) == 0 {
			continue // the hash table that the kernel lists beside the filter
		}
		target := 0
		if ok && len(u.Actions) == 1 {
			if mirred, ok := u.Actions[0].(*netlink.MirredAction); ok && mirred.MirredAction == netlink.TCA_EGRESS_REDIR {
				target = mirred.Ifindex
			}
		}
		targets = append(targets, target)
	}
	return targets, nil
}

func (h *handle) hasClsact(l netlink.Link) (bool, error) {
	qdiscs, err := h.QdiscList(l)
	if err != nil {
		return false, fmt.Errorf("list disciplines of %s: %w", l.Attrs().Name, err)
	}
	for _, q := range qdiscs {
		if q.Type() == "clsact" {
			return true, nil
		}
	}
	return false, nil
}

// clearRedirect takes all filters of l away, with the discipline that holds
// them.
func (h *handle) clearRedirect(l netlink.Link) error {
	has, err := h.hasClsact(l)
	if err != nil || !has {
		return err
	}
	err = h.QdiscDel(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: l.Attrs().Index,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}})
	if err != nil {
		return fmt.Errorf("remove clsact of %s: %w", l.Attrs().Name, err)
	}
	return nil
}
