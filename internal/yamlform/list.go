package yamlform

// List is a list of any length. It omits items with mistakes.
func List[V any](expected string, item Codec[V]) Codec[[]V] {
	return Codec[[]V]{
		Expected: expected,
		Read: func(d *Decoder, p Place) ([]V, bool) {
			items, ok := d.Items(p, expected)
			if !ok {
				return nil, false
			}
			var all []V
			for _, one := range items {
				if v, ok := item.Read(d, one); ok {
					all = append(all, v)
				}
			}
			return all, true
		},
		Keys:   itemKeys(item),
		Schema: func() Schema { return Schema{"type": "array", "items": item.JSONSchema()} },
	}
}

// NonEmpty is list, except that it rejects an empty one: users could read it as
// "anything" or as "nothing".
func NonEmpty[V any](list Codec[[]V]) Codec[[]V] {
	read := list.Read
	list.Read = func(d *Decoder, p Place) ([]V, bool) {
		if p.IsList() && p.Len() == 0 {
			d.Report(p, "is an empty list; set it to %s, or remove the key", list.Expected)
			return nil, false
		}
		return read(d, p)
	}
	schema := list.Schema
	list.Schema = func() Schema {
		s := schema()
		s["minItems"] = 1
		return s
	}
	return list
}

// NonEmptySet is a list of one or more different values.
func NonEmptySet[V comparable](expected string, item Codec[V]) Codec[[]V] {
	return NonEmpty(Set(expected, item))
}

// Set is a list of different values. It may be empty, but is never nil. Read fails
// if an item has a mistake, so that the items of a decoded list have the same
// indices as in the file.
func Set[V comparable](expected string, item Codec[V]) Codec[[]V] {
	f := Codec[[]V]{Expected: expected, Keys: itemKeys(item)}
	f.Schema = func() Schema { return Schema{"type": "array", "items": item.JSONSchema(), "uniqueItems": true} }
	f.Read = func(d *Decoder, p Place) ([]V, bool) {
		items, ok := d.Items(p, expected)
		if !ok {
			return nil, false
		}
		all, seen := make([]V, 0, len(items)), make(map[V]bool, len(items))
		for _, one := range items {
			v, ok := item.Read(d, one)
			switch {
			case !ok:
			case seen[v]:
				d.Report(one, "repeats an earlier item; remove it")
			default:
				seen[v] = true
				all = append(all, v)
			}
		}
		return all, len(all) == len(items)
	}
	return f
}

// itemKeys returns the Keys function of a list of such items.
func itemKeys[V any](item Codec[V]) func(path string) []Key {
	if item.Keys == nil {
		return nil
	}
	return func(path string) []Key { return item.Keys(path + "[]") }
}

// Mapping is a mapping with known keys. describe returns the object that is decoded
// into t. The codec decodes one value at a time, because it has only one t.
func Mapping[T any](describe func(t *T) Object) Codec[T] {
	t := new(T)
	o := describe(t)
	return Codec[T]{
		Expected: o.Expected,
		Read: func(d *Decoder, p Place) (T, bool) {
			*t = *new(T)
			ok := o.Read(d, p)
			return *t, ok
		},
		Keys:   o.Reference,
		Schema: o.Schema,
	}
}
