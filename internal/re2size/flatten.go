package re2size

import "slices"

// flattener computes how many instructions a program has after RE2 has replaced its forks
// by lists (MarkSuccessors, MarkDominator and EmitList in RE2's prog.cc). Each list begins
// at a root.
type flattener struct {
	*program
	roots        map[int]bool
	order        []int         // of the roots
	predecessors map[int][]int // :: instruction -> the forks that lead to it
}

// flatSize is the number of instructions of the flattened program, with the one for
// failure.
func (p *program) flatSize() int {
	f := &flattener{program: p, roots: map[int]bool{}, predecessors: map[int][]int{}}
	f.markSuccessors()
	sorted := slices.Clone(f.order)
	slices.Sort(sorted)
	for _, root := range slices.Backward(sorted) {
		if root != p.start && root != p.startUnanchored {
			f.markDominated(root)
		}
	}
	size := 1
	for i := 0; i < len(f.order); i++ {
		size += f.listSize(f.order[i])
	}
	return size
}

func (f *flattener) mark(id int) {
	if !f.roots[id] {
		f.roots[id] = true
		f.order = append(f.order, id)
	}
}

// markSuccessors makes what follows a step a root.
func (f *flattener) markSuccessors() {
	f.mark(f.startUnanchored)
	f.mark(f.start)
	reached := map[int]bool{}
	for stack := []int{f.startUnanchored}; len(stack) > 0; {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if reached[id] {
			continue
		}
		reached[id] = true
		switch inst := f.insts[id]; inst.kind {
		case fork:
			for _, out := range []int{inst.out, inst.alt} {
				f.predecessors[out] = append(f.predecessors[out], id)
			}
			stack = append(stack, inst.alt, inst.out)
		case step:
			f.mark(inst.out)
			stack = append(stack, inst.out)
		case jump:
			stack = append(stack, inst.out)
		}
	}
}

// tree returns the instructions that are reached from a root without a step, up to and
// including the other roots.
func (f *flattener) tree(root int) map[int]bool {
	reached := map[int]bool{}
	for stack := []int{root}; len(stack) > 0; {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if reached[id] {
			continue
		}
		reached[id] = true
		if id != root && f.roots[id] {
			continue
		}
		switch inst := f.insts[id]; inst.kind {
		case fork:
			stack = append(stack, inst.alt, inst.out)
		case jump:
			stack = append(stack, inst.out)
		}
	}
	return reached
}

// markDominated makes an instruction of a tree a root if another tree leads to it.
func (f *flattener) markDominated(root int) {
	tree := f.tree(root)
	for id := range tree {
		if slices.ContainsFunc(f.predecessors[id], func(from int) bool { return !tree[from] }) {
			f.mark(id)
		}
	}
}

// listSize is the number of instructions of a root's list: its steps and ends, and a jump
// to each other root.
func (f *flattener) listSize(root int) int {
	size := 0
	for id := range f.tree(root) {
		inst := f.insts[id]
		switch {
		case id != root && f.roots[id], inst.kind == step, inst.kind == end:
			size++
		case id != f.loop && inst.kind == fork && f.matchesRest(id):
			size++
		}
	}
	return size
}

// matchesRest reports whether a fork accepts any rest of the text, for which RE2 adds an
// instruction (AltMatch).
func (f *flattener) matchesRest(id int) bool {
	loops := func(at, other int) bool {
		inst := f.insts[at]
		return inst.kind == step && inst.anyByte && inst.out == id && f.insts[other].kind == end
	}
	return loops(f.insts[id].out, f.insts[id].alt) || loops(f.insts[id].alt, f.insts[id].out)
}
