//! Who reaches whom: `hopscope matrix` and `hopscope diff`.

use crate::{
    args::{DiffArguments, MatrixArguments, ReachArguments, TableFormat},
    input,
    output::{self, Done, Failure},
};
use engine::{Cell, Change, ChangeKind, Matrix, MatrixQuestion, Place, Target, World};
use std::fmt::Write;

/// `hopscope matrix FILE…`
pub(crate) fn matrix(arguments: &MatrixArguments) -> Result<Done, Failure> {
    let world = input::world(&arguments.files)?;
    let question = question(&world, &arguments.reach)?;
    let matrix = world.matrix(&question);
    match arguments.reach.output {
        TableFormat::Json => output::json(&matrix).map(Done::from),
        TableFormat::Text => Ok(table(&world, &question, &matrix).into()),
    }
}

/// `hopscope diff A B`
pub(crate) fn diff(arguments: &DiffArguments) -> Result<Done, Failure> {
    let before = input::world(std::slice::from_ref(&arguments.before))?;
    let after = input::world(std::slice::from_ref(&arguments.after))?;
    let of = |world: &World| Ok(world.matrix(&question(world, &arguments.reach)?));
    let changes = engine::diff(&of(&before)?, &of(&after)?);
    match arguments.reach.output {
        TableFormat::Json => output::json(&changes).map(Done::from),
        TableFormat::Text => Ok(told(&changes).into()),
    }
}

fn question(world: &World, arguments: &ReachArguments) -> Result<MatrixQuestion, Failure> {
    let mut question = world.everything();
    if !arguments.from.is_empty() {
        let place = |text: &String| {
            text.parse::<Place>().map_err(|error| {
                Failure::new(
                    format!("--from: {error}"),
                    "write internet, an IP, pod/NAMESPACE/NAME, node/NAME or vm/NAME, e.g. --from 198.51.100.7",
                )
            })
        };
        question.clients = arguments.from.iter().map(place).collect::<Result<_, _>>()?;
    }
    if !arguments.to.is_empty() {
        let target = |text: &String| {
            text.parse::<Target>().map_err(|error| {
                Failure::new(
                    format!("--to: {error}"),
                    "write DST:PORT, e.g. --to svc/default/echo-service:80, with /udp at the end for UDP",
                )
            })
        };
        question.targets = arguments.to.iter().map(target).collect::<Result<_, Failure>>()?;
    }
    Ok(question)
}

fn table(world: &World, question: &MatrixQuestion, matrix: &Matrix) -> String {
    let cells = question.clients.iter().zip(&matrix.rows);
    let rows = cells.flat_map(|(client, row)| {
        let whose = world.whose(client).map(|whose| format!(" ({whose})")).unwrap_or_default();
        let cells = matrix.targets.iter().zip(row);
        cells.map(move |(target, cell)| [format!("{client}{whose}"), target.clone(), words(cell)])
    });
    columns([["FROM", "TO", "RESULT"].map(str::to_owned)].into_iter().chain(rows))
}

fn told(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "no flow changed\n".to_owned();
    }
    let side = |cell: &Option<Cell>| cell.as_ref().map_or_else(|| "not there".to_owned(), words);
    let rows = changes.iter().map(|change| {
        let kind = match change.kind {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Changed => "changed",
        };
        let result = format!("{} → {}", side(&change.before), side(&change.after));
        [format!("{kind}  {}", change.from), change.to.clone(), result]
    });
    columns(rows)
}

fn words(cell: &Cell) -> String {
    if let Some(reason) = &cell.impossible {
        return format!("no way: {reason}");
    }
    let failure = match (cell.verdict, cell.cause) {
        (Some(verdict), Some(cause)) => format!("{verdict}: {cause}"),
        (Some(verdict), None) => verdict.to_string(),
        (None, _) => return "delivered".to_owned(),
    };
    if cell.delivered > 0.0 {
        format!("{:.1} % delivered, else {failure}", cell.delivered * 100.0)
    } else {
        failure
    }
}

/// Left-aligned columns, two spaces apart.
fn columns(rows: impl IntoIterator<Item = [String; 3]>) -> String {
    let rows: Vec<[String; 3]> = rows.into_iter().map(|row| row.map(|cell| output::visible(&cell))).collect();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let (first, second) = (width(0).unwrap_or_default(), width(1).unwrap_or_default());
    let mut text = String::new();
    for [from, to, result] in &rows {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{from:first$}  {to:second$}  {result}");
    }
    text
}
