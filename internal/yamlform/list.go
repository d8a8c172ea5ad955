package yamlform

// List is a list of any length. Items with mistakes are left out of it.
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

// NonEmpty is list without the empty one, which could be taken for "anything" as
// well as for "nothing".
func NonEmpty[V any](list Codec[[]V]) Codec[[]V] {
	read := list.Read
	list.Read = func(d *Decoder, p Place) ([]V, bool) {
		if p.IsList() && p.Len() == 0 {
			d.Report(p, "is an empty list; write %s, or leave the key out", list.Expected)
			return nil, false
		}
		return read(d, p)
	}
	list.Schema = nonEmptySchema(list.Schema)
	return list
}

// NonEmptySet is a list of one or more different values.
func NonEmptySet[V comparable](expected string, item Codec[V]) Codec[[]V] {
	return NonEmpty(Set(expected, item))
}

// Set is a list of different values that may be empty, but is never nil. An
// item with a mistake makes the whole list unread, so that the items of a list
// that was read have the indices that they have in the file.
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

// below is the reference of a list's items.
func itemKeys[V any](item Codec[V]) func(path string) []Key {
	if item.Keys == nil {
		return nil
	}
	return func(path string) []Key { return item.Keys(path + "[]") }
}

// Mapping is a mapping with known keys.
func Mapping[T any](o Object[T]) Codec[T] {
	return Codec[T]{
		Expected: o.Expected,
		Read: func(d *Decoder, p Place) (T, bool) {
			var t T
			ok := o.Read(d, p, &t)
			return t, ok
		},
		Keys:   o.Reference,
		Schema: o.Schema,
	}
}
