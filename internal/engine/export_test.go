package engine

// What the tests see of the package's inside.
const MaxCompared = maxCompared

// LogPolicy and the other functions are those of the package.
var (
	LogPolicy        = logPolicy
	Relaxations      = relaxations
	CountRelaxations = countRelaxations
)

// Kind returns the kind of a relaxation.
func (r relaxation) Kind() string { return r.kind }

// Where returns where a relaxation applies.
func (r relaxation) Where() string { return r.where }
