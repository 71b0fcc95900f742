package admin

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect" //nolint:depguard // the fields of the Go types are what is compared
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"mqttlb/proxy/admin/api"
)

// document reads docs/api.yaml.
func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../../docs/api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// controlled is a server whose routes are all there.
func controlled() *Server { return &Server{from: Sources{Control: new(fakeControl)}} }

func TestTheDocumentIsValidOpenAPI(t *testing.T) {
	if err := document(t).Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheDocumentHasEveryOperationAndNoOther(t *testing.T) {
	described := document(t).Paths.Map()
	operations := controlled().operations()
	for path, methods := range operations {
		item := described[path]
		if item == nil {
			t.Errorf("%s is not described", path)
			continue
		}
		for method, op := range methods {
			o := item.GetOperation(method)
			if o == nil {
				t.Errorf("%s %s is not described", method, path)
				continue
			}
			var query []string
			for _, p := range append(slices.Clone(o.Parameters), item.Parameters...) {
				if p.Value.In == openapi3.ParameterInQuery {
					query = append(query, p.Value.Name)
				}
			}
			slices.Sort(query)
			known := slices.DeleteFunc(slices.Sorted(slices.Values(op.query)), func(name string) bool { return name == anyQuery })
			if !slices.Equal(query, known) {
				t.Errorf("%s %s: the parameters are described as %v, they are %v", method, path, query, known)
			}
			if has := o.RequestBody != nil; has != op.takesBody {
				t.Errorf("%s %s: a body is described: %t, read: %t", method, path, has, op.takesBody)
			}
			if onlyToken := o.Security != nil && len(*o.Security) == 1; onlyToken != (op.need == change) {
				t.Errorf("%s %s: described as in need of the token: %t", method, path, onlyToken)
			}
			if o.Responses.Default() == nil {
				t.Errorf("%s %s: its errors are not described", method, path)
			}
		}
	}
	for path, item := range described {
		for method := range item.Operations() {
			if _, ok := operations[path][method]; !ok {
				t.Errorf("%s %s is described, and is not there", method, path)
			}
		}
	}
}

// apiTypes are the types of package api that have a schema of their own. SessionFilter is part of Kick.
var apiTypes = map[string]reflect.Type{
	"Alarm": reflect.TypeFor[api.Alarm](), "Alarms": reflect.TypeFor[api.Alarms](), "Candidate": reflect.TypeFor[api.Candidate](),
	"Change": reflect.TypeFor[api.Change](), "Check": reflect.TypeFor[api.Check](), "Config": reflect.TypeFor[api.Config](),
	"Diff": reflect.TypeFor[api.Diff](), "DiffRequest": reflect.TypeFor[api.DiffRequest](), "Drain": reflect.TypeFor[api.Drain](),
	"Discovery": reflect.TypeFor[api.Discovery](), "Error": reflect.TypeFor[api.Error](), "Event": reflect.TypeFor[api.Event](), "Kick": reflect.TypeFor[api.Kick](),
	"Kicked": reflect.TypeFor[api.Kicked](), "ListenerRoute": reflect.TypeFor[api.ListenerRoute](),
	"ListenerStatus": reflect.TypeFor[api.ListenerStatus](), "Log": reflect.TypeFor[api.Log](), "Node": reflect.TypeFor[api.Node](),
	"NodeAddress": reflect.TypeFor[api.NodeAddress](),
	"NodeChange":  reflect.TypeFor[api.NodeChange](), "NodeInPool": reflect.TypeFor[api.NodeInPool](),
	"NodeOperator": reflect.TypeFor[api.NodeOperator](), "Nodes": reflect.TypeFor[api.Nodes](),
	"OperatorState": reflect.TypeFor[api.OperatorState](), "PoolStatus": reflect.TypeFor[api.PoolStatus](),
	"Rebalance": reflect.TypeFor[api.Rebalance](), "Reload": reflect.TypeFor[api.Reload](), "Route": reflect.TypeFor[api.Route](), "RouteWay": reflect.TypeFor[api.RouteWay](),
	"RouteRule": reflect.TypeFor[api.RouteRule](), "Rule": reflect.TypeFor[api.Rule](), "Rules": reflect.TypeFor[api.Rules](), "Session": reflect.TypeFor[api.Session](),
	"Ban": reflect.TypeFor[api.Ban](), "Bans": reflect.TypeFor[api.Bans](), "BanRequest": reflect.TypeFor[api.BanRequest](),
	"UnbanRequest": reflect.TypeFor[api.UnbanRequest](), "Unbanned": reflect.TypeFor[api.Unbanned](),
	"Sessions": reflect.TypeFor[api.Sessions](), "State": reflect.TypeFor[api.State](), "Status": reflect.TypeFor[api.Status](),
	"Tolerated": reflect.TypeFor[api.Tolerated](), "Totals": reflect.TypeFor[api.Totals](), "Yield": reflect.TypeFor[api.Yield](),
}

func TestEveryTypeOfTheAPIHasASchema(t *testing.T) {
	schemas := document(t).Components.Schemas
	if described, known := slices.Sorted(maps.Keys(schemas)), slices.Sorted(maps.Keys(apiTypes)); !slices.Equal(described, known) {
		t.Errorf("described are %v, known are %v", described, known)
	}
	files, err := filepath.Glob("api/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSpec); ok && s.Name.Name != "SessionFilter" && apiTypes[s.Name.Name] == nil {
				t.Errorf("%s: %s has no schema", file, s.Name.Name)
			}
			return true
		})
	}
}

func TestSchemasAreTheGoTypes(t *testing.T) {
	schemas := document(t).Components.Schemas
	for name, goType := range apiTypes {
		if schemas[name] == nil || goType.Kind() != reflect.Struct {
			continue
		}
		schema := schemas[name].Value
		fields := jsonFields(goType)
		for key, f := range fields {
			p := schema.Properties[key]
			if p == nil {
				t.Errorf("%s.%s is not described", name, key)
				continue
			}
			if got := schemaOf(p); got != goSchema(f.Type) {
				t.Errorf("%s.%s is described as %s, it is %s", name, key, got, goSchema(f.Type))
			}
			optional := strings.HasSuffix(f.Tag.Get("json"), ",omitempty")
			if slices.Contains(schema.Required, key) == optional {
				t.Errorf("%s.%s: it may be left out: %t, which is not as described", name, key, optional)
			}
		}
		for key := range schema.Properties {
			if _, ok := fields[key]; !ok {
				t.Errorf("%s.%s is described, and is not there", name, key)
			}
		}
	}
}

// jsonFields returns the fields of a struct by their keys, with those of embedded structs.
func jsonFields(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			maps.Copy(fields, jsonFields(f.Type))
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[key] = f
	}
	return fields
}

// goSchema spells a Go type as schemaOf spells its schema.
func goSchema(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return goSchema(t.Elem())
	case t.Kind() == reflect.Slice:
		return "array of " + goSchema(t.Elem())
	case t == reflect.TypeFor[time.Time]():
		return "string date-time"
	case apiTypes[t.Name()] == t:
		return t.Name()
	}
	switch t.Kind() { //nolint:exhaustive // the kinds that package api has
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "integer"
	case reflect.Int64, reflect.Uint64, reflect.Uint32:
		return "integer int64"
	case reflect.Float64:
		return "number"
	}
	return t.String()
}

// schemaOf spells a schema in few words.
func schemaOf(s *openapi3.SchemaRef) string {
	if s.Ref != "" {
		return filepath.Base(s.Ref)
	}
	v := s.Value
	switch {
	case len(v.AllOf) == 1:
		return schemaOf(v.AllOf[0])
	case v.Type.Is("array"):
		return "array of " + schemaOf(v.Items)
	}
	return strings.TrimSpace(v.Type.Slice()[0] + " " + v.Format)
}
