package c7200

import (
	"fmt"

	"dynemu/vm/card"
)

// newCard makes a card.
var newCard = func(name string, _ card.Slot) (card.Card, error) {
	return nil, fmt.Errorf("there is no card %q", name)
}
