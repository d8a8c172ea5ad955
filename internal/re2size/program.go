package re2size

import (
	"errors"
	"regexp/syntax"
	"slices"
	"unicode"
)

// Of computes the size of the program that RE2 compiles a regular expression to, which
// Envoy compares with re2.max_program_size.error_level. It returns [Most] for any larger
// program, and false for an expression that package syntax rejects.
//
// Go's parser and compiler are ports of RE2's, with the same simplifications. What
// differs is computed here: Envoy compiles bytes (Latin-1), RE2 removes the anchors and a
// literal after ^, adds a loop before a program without ^, and flattens the program
// into lists (Prog::Flatten). The end-to-end tests compare the sizes with Envoy's.
func Of(expression string) (size int, ok bool) {
	latin1 := make([]rune, 0, len(expression))
	for _, b := range []byte(expression) {
		latin1 = append(latin1, rune(b))
	}
	tree, err := syntax.Parse(string(latin1), syntax.Perl)
	if wrong := (*syntax.Error)(nil); errors.As(err, &wrong) && wrong.Code == syntax.ErrLarge {
		return Most, true
	}
	if err != nil {
		return 0, false
	}
	if leaves(tree) > Most {
		return Most, true
	}
	tree, prefixed := withoutPrefix(tree)
	tree, anchored := withoutAnchors(tree)
	compiled, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0, false
	}
	p := programOf(compiled)
	if prefixed || !anchored {
		p.addLoop()
	}
	return min(p.flatSize(), Most), true
}

// leaves is the number of literal characters and classes of a tree with its repetitions
// written out, each of which takes an instruction.
func leaves(tree *syntax.Regexp) int {
	n := 0
	for _, sub := range tree.Sub {
		n = min(n+leaves(sub), Most+1)
	}
	switch tree.Op {
	case syntax.OpLiteral:
		n = len(tree.Rune)
	case syntax.OpCharClass:
		n = 1
	case syntax.OpRepeat:
		n *= max(tree.Min, tree.Max, 1)
	}
	return n
}

// withoutPrefix removes ^ and the literal after it, which RE2 compares before it runs
// the program.
func withoutPrefix(tree *syntax.Regexp) (rest *syntax.Regexp, removed bool) {
	if tree.Op != syntax.OpConcat {
		return tree, false
	}
	i := 0
	for i < len(tree.Sub) && tree.Sub[i].Op == syntax.OpBeginText {
		i++
	}
	if i == 0 || i == len(tree.Sub) || tree.Sub[i].Op != syntax.OpLiteral {
		return tree, false
	}
	return &syntax.Regexp{Op: syntax.OpConcat, Flags: tree.Flags, Sub: tree.Sub[i+1:]}, true
}

// withoutAnchors removes ^ at the beginning and $ at the end, and reports whether there
// was a ^.
func withoutAnchors(tree *syntax.Regexp) (rest *syntax.Regexp, anchored bool) {
	empty := &syntax.Regexp{Op: syntax.OpEmptyMatch}
	switch tree.Op {
	case syntax.OpBeginText:
		return empty, true
	case syntax.OpEndText:
		return empty, false
	case syntax.OpConcat, syntax.OpCapture:
		if len(tree.Sub) == 0 {
			return tree, false
		}
		changed := *tree
		changed.Sub = slices.Clone(tree.Sub)
		last := len(changed.Sub) - 1
		changed.Sub[0], anchored = withoutAnchors(changed.Sub[0])
		if last > 0 {
			changed.Sub[last], _ = withoutAnchors(changed.Sub[last])
		}
		return &changed, anchored
	}
	return tree, false
}

// program is a program of RE2, before it is flattened.
type program struct {
	insts                  []instruction
	start, startUnanchored int
	loop                   int // the fork of addLoop; -1 if there is none
}

// instruction is one instruction: a fork to two others, a step that consumes a byte or
// tests something, or the end.
type instruction struct {
	kind     instructionKind
	out, alt int
	anyByte  bool // a step that accepts every byte
}

type instructionKind int

const (
	end instructionKind = iota
	jump
	fork
	step
)

// programOf converts a program of package syntax. A class of characters becomes one step
// for each of its ranges of bytes.
func programOf(compiled *syntax.Prog) *program {
	p := &program{insts: make([]instruction, len(compiled.Inst)), start: compiled.Start, loop: -1}
	for i, inst := range compiled.Inst {
		out := int(inst.Out)
		switch inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			p.insts[i] = instruction{kind: fork, out: out, alt: int(inst.Arg)}
		case syntax.InstNop:
			p.insts[i] = instruction{kind: jump, out: out}
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstRune1:
			p.insts[i] = instruction{kind: step, out: out}
		case syntax.InstRune, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			p.addRanges(i, byteRanges(inst), out)
		}
	}
	p.skipJumps()
	p.startUnanchored = p.start
	return p
}

// skipJumps leads past the instructions that do nothing, as RE2 does first.
func (p *program) skipJumps() {
	skip := func(id int) int {
		for p.insts[id].kind == jump {
			id = p.insts[id].out
		}
		return id
	}
	p.start = skip(p.start)
	for i, inst := range p.insts {
		if inst.kind != end {
			p.insts[i].out, p.insts[i].alt = skip(inst.out), skip(inst.alt)
		}
	}
}

// addRanges makes the instruction at an index a step for the first range, or a chain of
// forks to a step for each range.
func (p *program) addRanges(i int, ranges [][2]rune, out int) {
	steps := make([]instruction, len(ranges))
	for k, r := range ranges {
		steps[k] = instruction{kind: step, out: out, anyByte: r == [2]rune{0, 0xff}}
	}
	for len(steps) > 1 {
		p.insts = append(p.insts, steps[0], instruction{})
		p.insts[i] = instruction{kind: fork, out: len(p.insts) - 2, alt: len(p.insts) - 1}
		i, steps = len(p.insts)-1, steps[1:]
	}
	if len(steps) == 1 {
		p.insts[i] = steps[0]
	}
}

// byteRanges are the ranges of bytes that an instruction accepts. RE2 tests letters of
// both cases by one instruction.
func byteRanges(inst syntax.Inst) [][2]rune {
	switch {
	case inst.Op == syntax.InstRuneAny:
		return [][2]rune{{0, 0xff}}
	case inst.Op == syntax.InstRuneAnyNotNL:
		return [][2]rune{{0, '\n' - 1}, {'\n' + 1, 0xff}}
	case len(inst.Rune) == 1: // a letter, perhaps of any case
		return [][2]rune{{inst.Rune[0], inst.Rune[0]}}
	}
	var ranges [][2]rune
	folds := foldsASCII(inst)
	for i := 0; i+1 < len(inst.Rune); i += 2 {
		low, high := inst.Rune[i], min(inst.Rune[i+1], 0xff)
		if low > 0xff || folds && 'A' <= low && high <= 'Z' {
			continue
		}
		ranges = append(ranges, [2]rune{low, high})
	}
	return ranges
}

// foldsASCII reports whether a class has each ASCII letter in both cases or in none.
func foldsASCII(inst syntax.Inst) bool {
	for letter := 'a'; letter <= 'z'; letter++ {
		if inRanges(inst.Rune, letter) != inRanges(inst.Rune, unicode.ToUpper(letter)) {
			return false
		}
	}
	return true
}

func inRanges(ranges []rune, letter rune) bool {
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i] <= letter && letter <= ranges[i+1] {
			return true
		}
	}
	return false
}

// addLoop adds .*? before the program.
func (p *program) addLoop() {
	p.loop = len(p.insts)
	p.insts = append(p.insts, instruction{kind: fork, out: p.start, alt: p.loop + 1}, instruction{kind: step, out: p.loop, anyByte: true})
	p.startUnanchored = p.loop
}
