package lab

import "strings"

// didYouMean returns " (did you mean X?)" for the candidate nearest to what
// was written, or "" when none is near.
func didYouMean(written string, candidates []string) string {
	if c := nearest(written, candidates); c != "" {
		return " (did you mean " + c + "?)"
	}
	return ""
}

// nearest returns the candidate with the smallest edit distance, case aside,
// that is near enough to be a slip; the first of equals.
func nearest(written string, candidates []string) string {
	const longest = 32
	if len(written) > longest || written == "" {
		return ""
	}
	w := strings.ToLower(written)
	best, bestDistance := "", max(1, len(w)/3)+1
	for _, c := range candidates {
		if d := distance(w, strings.ToLower(c)); d < bestDistance && d < len(c) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the number of single-character edits, swaps of neighbours
// counting one, that turn a into b.
func distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
