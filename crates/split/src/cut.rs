//! The cut: two modules over one memory, one table and the same globals.
//!
//! A function of the rest that the first module can reach (by a call, through the table, as an export) is a *door*:
//! in its place the first module has a function of the same type that makes sure the rest is there and calls it through
//! a slot of its own at the end of the table. The rest fills these slots when it is instantiated, and takes all that it
//! needs of the first module from that module's exports.

use crate::names::{Startup, name};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use walrus::ir::{UnaryOp, Value, Visitor, dfs_in_order};
use walrus::{
    ConstExpr, ElementItems, ElementKind, ExportItem, FunctionBuilder, FunctionId, FunctionKind, GlobalKind,
    ImportedFunction, Module, TableId, ValType, passes,
};

/// The name, among the first module's imports, of the function that fetches the rest at once.
pub(crate) const FETCH: &str = "later";
/// The first module's global that tells whether the rest is there.
const HERE: &str = "here";
/// The module from which the rest imports.
const FIRST: &str = "first";
/// A door is as large as this many instructions: what is no larger stays.
const SMALL: u64 = 8;

/// What was cut.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    stay: usize,
    go: usize,
    doors: usize,
    shared: usize,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stay, go, doors, shared } = self;
        write!(f, "{stay} functions stay, {go} go; {doors} doors, {shared} functions shared")
    }
}

/// Cuts a module, given twice, into the functions named in `kept` and the rest.
pub(crate) fn along(first: &mut Module, later: &mut Module, kept: &Startup) -> Result<Cut, String> {
    let table =
        first.tables.main_function_table().map_err(|error| error.to_string())?.ok_or("it has no table")?;
    let mut plan = Plan::of(first, kept, &BTreeSet::new());
    // A door to a small function would be no smaller than the function.
    let small = plan.doors.iter().copied().filter(|door| size(first, *door) <= SMALL).collect();
    plan = Plan::of(first, kept, &small);
    let base = first.tables.get(table).initial;
    let counterpart: BTreeMap<FunctionId, FunctionId> = ids(first).into_iter().zip(ids(later)).collect();
    let other = |function: &FunctionId| {
        counterpart.get(function).copied().ok_or_else(|| "its two readings differ".to_owned())
    };

    let doors = plan.doors.iter().map(other).collect::<Result<Vec<_>, _>>()?;
    let shared = plan.shared.iter().map(other).collect::<Result<Vec<_>, _>>()?;
    let slot = i32::try_from(base).map_err(|error| error.to_string())?;
    keep(first, table, slot, &plan)?;
    rest(later, slot, &doors, &shared)?;
    passes::gc::run(first);
    passes::gc::run(later);
    Ok(Cut { stay: plan.stay, go: plan.go.len(), doors: plan.doors.len(), shared: plan.shared.len() })
}

/// Instructions of a function.
fn size(module: &Module, function: FunctionId) -> u64 {
    match &module.funcs.get(function).kind {
        FunctionKind::Local(function) => function.size(),
        FunctionKind::Import(_) | FunctionKind::Uninitialized(_) => 0,
    }
}

fn ids(module: &Module) -> Vec<FunctionId> {
    module.funcs.iter().map(walrus::Function::id).collect()
}

/// Which function goes where, in the module's own order.
struct Plan {
    stay: usize,
    go: BTreeSet<FunctionId>,
    /// Those that go and that something that stays can reach.
    doors: Vec<FunctionId>,
    /// Those that stay, or come from JavaScript, and that something that goes can reach.
    shared: Vec<FunctionId>,
}

impl Plan {
    /// The plan that keeps the functions of these names and these small ones.
    fn of(module: &Module, kept: &Startup, small: &BTreeSet<FunctionId>) -> Self {
        let go: BTreeSet<FunctionId> = module
            .funcs
            .iter_local()
            .map(|(id, _)| id)
            .filter(|id| !small.contains(id))
            .filter(|id| name(module, *id).is_some_and(|name| !kept.holds(&name)))
            .collect();
        let mut reached = Reached::default();
        for item in module.exports.iter() {
            if let ExportItem::Function(function) = item.item {
                reached.from_first.insert(function);
            }
        }
        for element in module.elements.iter() {
            if let ElementItems::Functions(functions) = &element.items {
                reached.from_first.extend(functions);
            }
        }
        reached.from_first.extend(module.start);
        for (id, function) in module.funcs.iter_local() {
            reached.goes = go.contains(&id);
            dfs_in_order(&mut reached, function, function.entry_block());
        }
        let all = ids(module);
        let doors =
            all.iter().filter(|id| go.contains(id) && reached.from_first.contains(id)).copied().collect();
        let shared =
            all.iter().filter(|id| !go.contains(id) && reached.from_later.contains(id)).copied().collect();
        Self { stay: module.funcs.iter_local().count() - go.len(), go, doors, shared }
    }
}

/// Functions that are called, or named, by what stays and by what goes.
#[derive(Default)]
struct Reached {
    goes: bool,
    from_first: BTreeSet<FunctionId>,
    from_later: BTreeSet<FunctionId>,
}

impl Visitor<'_> for Reached {
    fn visit_function_id(&mut self, function: &FunctionId) {
        if self.goes { &mut self.from_later } else { &mut self.from_first }.insert(*function);
    }
}

/// Makes the first module: doors in place of what goes, and exports of what the rest needs.
fn keep(module: &mut Module, table: TableId, base: i32, plan: &Plan) -> Result<(), String> {
    let ensure = ensure(module)?;
    for (slot, door) in (base..).zip(&plan.doors) {
        let ty = module.funcs.get(*door).ty();
        let (parameters, results) = {
            let ty = module.types.get(ty);
            (ty.params().to_vec(), ty.results().to_vec())
        };
        let arguments: Vec<_> = parameters.iter().map(|parameter| module.locals.add(*parameter)).collect();
        let mut builder = FunctionBuilder::new(&mut module.types, &parameters, &results);
        let mut body = builder.func_body();
        body.call(ensure);
        for argument in &arguments {
            body.local_get(*argument);
        }
        body.const_(Value::I32(slot)).call_indirect(ty, table);
        let function = builder.local_func(arguments);
        module.funcs.get_mut(*door).kind = FunctionKind::Local(function);
    }
    grow(module, table, plan.doors.len())?;
    for (index, function) in plan.shared.iter().enumerate() {
        module.exports.add(&index.to_string(), *function);
    }
    for (name, item) in common(module) {
        module.exports.add(&name, item);
    }
    Ok(())
}

/// Adds the function that makes sure that the rest is there.
fn ensure(module: &mut Module) -> Result<FunctionId, String> {
    let from =
        module.imports.iter().next().map(|import| import.module.clone()).ok_or("it imports nothing")?;
    let nothing = module.types.add(&[], &[]);
    let (fetch, _) = module.add_import_func(&from, FETCH, nothing);
    let here = module.globals.add_local(ValType::I32, true, false, ConstExpr::Value(Value::I32(0)));
    module.exports.add(HERE, here);
    let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
    builder.func_body().global_get(here).unop(UnaryOp::I32Eqz).if_else(
        None,
        |missing| {
            missing.call(fetch);
        },
        |_| {},
    );
    Ok(builder.finish(Vec::new(), &mut module.funcs))
}

/// Makes room at the end of the table.
fn grow(module: &mut Module, table: TableId, slots: usize) -> Result<(), String> {
    let slots = u64::try_from(slots).map_err(|error| error.to_string())?;
    let table = module.tables.get_mut(table);
    table.initial += slots;
    table.maximum = table.maximum.map(|most| most + slots);
    Ok(())
}

/// What both modules work on, by the name under which the first hands it out: memory, tables and globals.
fn common(module: &Module) -> Vec<(String, ExportItem)> {
    let memories = module.memories.iter().enumerate().map(|(at, one)| (format!("m{at}"), one.id().into()));
    let tables = module.tables.iter().enumerate().map(|(at, one)| (format!("t{at}"), one.id().into()));
    let globals = module.globals.iter().enumerate().map(|(at, one)| (format!("g{at}"), one.id().into()));
    memories.chain(tables).chain(globals).collect()
}

/// Makes the rest: everything that it shares with the first module becomes an import, the doors fill their slots.
fn rest(module: &mut Module, base: i32, doors: &[FunctionId], shared: &[FunctionId]) -> Result<(), String> {
    module.start = None;
    for export in module.exports.iter().map(walrus::Export::id).collect::<Vec<_>>() {
        module.exports.delete(export);
    }
    for data in module.data.iter().map(walrus::Data::id).collect::<Vec<_>>() {
        module.data.delete(data);
    }
    for element in module.elements.iter().map(walrus::Element::id).collect::<Vec<_>>() {
        module.elements.delete(element);
    }
    for (index, function) in shared.iter().enumerate() {
        let ty = module.funcs.get(*function).ty();
        if let FunctionKind::Import(old) = &module.funcs.get(*function).kind {
            module.imports.delete(old.import);
        }
        let import = module.imports.add(FIRST, &index.to_string(), *function);
        module.funcs.get_mut(*function).kind = FunctionKind::Import(ImportedFunction { import, ty });
    }
    for (name, item) in common(module) {
        match item {
            ExportItem::Memory(id) => {
                let import = module.imports.add(FIRST, &name, id);
                let memory = module.memories.get_mut(id);
                memory.import = Some(import);
                memory.data_segments.clear();
            }
            ExportItem::Table(id) => {
                let import = module.imports.add(FIRST, &name, id);
                let table = module.tables.get_mut(id);
                table.import = Some(import);
                table.elem_segments.clear();
            }
            ExportItem::Global(id) => {
                let import = module.imports.add(FIRST, &name, id);
                module.globals.get_mut(id).kind = GlobalKind::Import(import);
            }
            ExportItem::Function(_) | ExportItem::Tag(_) => {}
        }
    }
    let table =
        module.tables.main_function_table().map_err(|error| error.to_string())?.ok_or("it has no table")?;
    grow(module, table, doors.len())?;
    let slots = module.elements.add(
        ElementKind::Active { table, offset: ConstExpr::Value(Value::I32(base)) },
        ElementItems::Functions(doors.to_vec()),
    );
    module.tables.get_mut(table).elem_segments.insert(slots);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::ModuleConfig;

    /// `main` calls `drawn`, which calls `opened`; `listed` is in the table alone, `helper` is called by `opened`,
    /// `small` is no larger than a door to it.
    fn page() -> Vec<u8> {
        let mut module = Module::default();
        let number = module.types.add(&[ValType::I32], &[ValType::I32]);
        let (log, _) = module.add_import_func("./web_bg.js", "__wbg_log_0123456789abcdef", number);
        module.memories.add_local(false, false, 1, None, None);
        let function = |module: &mut Module, name: &str, long: bool, calls: &[FunctionId]| {
            let parameter = module.locals.add(ValType::I32);
            let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32], &[ValType::I32]);
            builder.name(name.to_owned());
            let mut body = builder.func_body();
            body.local_get(parameter);
            for call in calls {
                body.call(*call);
            }
            for _ in 0..if long { 2 * SMALL } else { 0 } {
                body.const_(Value::I32(1)).binop(walrus::ir::BinaryOp::I32Add);
            }
            builder.finish(vec![parameter], &mut module.funcs)
        };
        let helper = function(&mut module, "app::helper", true, &[log]);
        let opened = function(&mut module, "app[0123456789abcdef]::opened", true, &[helper, log]);
        let small = function(&mut module, "app::small", false, &[]);
        let drawn = function(&mut module, "app[0123456789abcdef]::drawn", true, &[opened, small]);
        let listed = function(&mut module, "app::listed", true, &[drawn]);
        let main = function(&mut module, "main", true, &[drawn]);
        module.exports.add("main", main);
        let table = module.tables.add_local(false, 1, Some(1), walrus::RefType::FUNCREF);
        let element = module.elements.add(
            ElementKind::Active { table, offset: ConstExpr::Value(Value::I32(0)) },
            ElementItems::Functions(vec![listed]),
        );
        module.tables.get_mut(table).elem_segments.insert(element);
        module.emit_wasm()
    }

    fn parsed(bytes: &[u8]) -> Module {
        ModuleConfig::new().parse(bytes).expect("a valid module")
    }

    #[test]
    fn what_the_list_names_stays_and_each_way_to_the_rest_is_a_door() {
        let kept = Startup::of("main\napp::drawn\n");
        let (mut first, mut later) = (parsed(&page()), parsed(&page()));
        let cut = along(&mut first, &mut later, &kept).expect("it can be cut");
        // `small` is not in the list, and stays; `opened` and `listed` can be reached, `helper` only from `opened`.
        assert_eq!(cut, Cut { stay: 3, go: 3, doors: 2, shared: 2 });

        // Both are valid, and the rest takes all that it needs from what the first hands out.
        let (first, later) = (parsed(&first.emit_wasm()), parsed(&later.emit_wasm()));
        let names =
            |module: &Module| module.imports.iter().map(|import| import.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&first), ["__wbg_log_0123456789abcdef", FETCH]);
        let handed: BTreeSet<String> = first.exports.iter().map(|export| export.name.clone()).collect();
        assert!(handed.contains("main") && handed.contains(HERE), "{handed:?}");
        for import in later.imports.iter() {
            assert_eq!(import.module, FIRST);
            assert!(handed.contains(&import.name), "{} is not among {handed:?}", import.name);
        }
        assert_eq!(later.exports.iter().count(), 0);

        // The doors lead to the slots behind the old ones, and the rest fills exactly these.
        let table = |module: &Module| {
            module.tables.iter().map(|table| (table.initial, table.maximum)).collect::<Vec<_>>()
        };
        assert_eq!((table(&first), table(&later)), (vec![(3, Some(3))], vec![(3, Some(3))]));
        let filled: Vec<_> = later
            .elements
            .iter()
            .map(|element| match (&element.kind, &element.items) {
                (
                    ElementKind::Active { offset: ConstExpr::Value(Value::I32(offset)), .. },
                    ElementItems::Functions(functions),
                ) => (*offset, functions.len()),
                other => panic!("not a list of functions for the table: {other:?}"),
            })
            .collect();
        assert_eq!(filled, [(1, 2)]);
    }

    #[test]
    fn a_list_that_names_everything_leaves_nothing_to_fetch() {
        let kept = Startup::of("main\napp::drawn\napp::opened\napp::helper\napp::listed\napp::small\n");
        let (mut first, mut later) = (parsed(&page()), parsed(&page()));
        assert_eq!(along(&mut first, &mut later, &kept), Ok(Cut { stay: 6, go: 0, doors: 0, shared: 0 }));
    }
}
