package node

// BreakConnection ends the connection as a fault would.
func (n *Node) BreakConnection() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conn.Close()
}
