package main

type courier struct{ home, vehicle string }

// Registry knows the couriers on duty.
type Registry struct {
	byHome map[string][]*courier
}

func NewRegistry() *Registry {
	return &Registry{byHome: map[string][]*courier{}}
}

// Add puts a courier on duty.
func (r *Registry) Add(home, vehicle string) {
	r.byHome[home] = append(r.byHome[home], &courier{home, vehicle})
}
