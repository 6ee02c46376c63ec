//! `hull create`.

use super::creating::{CidFile, create};
use super::{CommandError, Context, Outcome};
use crate::output;
use crate::request::ContainerFlags;

/// Create a new container
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull create [OPTIONS] IMAGE [COMMAND] [ARG...]", disable_help_flag = true)]
#[command(
    after_help = "Examples:\n  hull create --name web nginx && hull start web\n\n`hull run --help` explains the flags."
)]
pub(crate) struct Args {
    /// Print usage
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    #[command(flatten)]
    container: ContainerFlags,
    // The usage says it all.
    #[arg(required = true, hide = true, trailing_var_arg = true, value_name = "IMAGE [COMMAND] [ARG...]")]
    image_and_command: Vec<String>,
}

#[cfg(test)]
impl Args {
    /// The request alone, for the tests of the flags.
    pub(crate) fn into_request(self) -> Result<hull_api::CreateRequest, crate::request::RequestError> {
        let (image, command) = self.image_and_command.split_at(1);
        self.container.request(&image[0], command, &crate::client::Host::Unix("/hull.sock".into()))
    }
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let failed = |source| CommandError::Container { verb: "create", code: 125, source: Box::new(source) };
    args.container.foreign.check()?;
    let (image, command) = args.image_and_command.split_at(1);
    let name = args.container.basic.name.clone();
    let pulling = args.container.pulling.clone();
    let mut cid_file = CidFile::reserve(&args.container.basic.cidfile).map_err(failed)?;
    let request = args.container.request(&image[0], command, context.client.host()).map_err(|e| failed(e.into()))?;
    let created = create(context, &name, &request, &pulling, &mut cid_file).await;
    // Docker ends with 1 for what the daemon refuses here, other than in `run`.
    output::print_line(&created?.id)?;
    Ok(0)
}
