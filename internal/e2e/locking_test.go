package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// The backend as people write it for a server of their own. terraform_data needs no provider, so nothing is downloaded.
const stateInS3 = `
terraform {
  backend "s3" {
    bucket                      = "states"
    key                         = "env/terraform.tfstate"
    region                      = "us-east-1"
    endpoints                   = { s3 = "ENDPOINT" }
    use_path_style              = true
    use_lockfile                = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
  }
}
variable "value" { default = "one" }
resource "terraform_data" "it" { input = var.value }
output "it" { value = terraform_data.it.output }
`

// whoLocks is a lock as another run of the program leaves it.
const whoLocks = `{"ID":"8ba9f0bb-2d7e-1d4e-8a2d-0123456789ab","Operation":"OperationTypeApply","Who":"somebody@else",` +
	`"Version":"1.11.4","Created":"2026-01-02T03:04:05Z","Path":"states/env/terraform.tfstate"}`

func TestOpenTofu(t *testing.T) { testStateInS3(t, nightlyTool(t, "bin/tofu")) }

// TestTerraform runs where there is a terraform: no package registry that this project uses has it.
func TestTerraform(t *testing.T) {
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("there is no terraform")
	}
	testStateInS3(t, terraform)
}

func testStateInS3(t *testing.T, program string) {
	s5cmd := tool(t, "venv/bin/s5cmd")
	secureAndNot(t, func(t *testing.T, i *instance.Instance) {
		c := s3Command(t, i).with("CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_CONFIG_FILE=settings", "S3_ENDPOINT_URL="+i.URL)
		c.file("settings", nil)
		c.run(s5cmd, "mb", "s3://states")
		c.file("main.tf", []byte(strings.Replace(stateInS3, "ENDPOINT", i.URL, 1)))
		c.run(program, "init", "-no-color", "-input=false")
		c.run(program, "apply", "-no-color", "-auto-approve")
		if keys := c.run(s5cmd, "ls", "s3://states/*"); strings.Count(keys, "\n") != 1 || !strings.Contains(keys, "env/terraform.tfstate") {
			t.Errorf("the state and no lock must be left: %s", keys)
		}

		c.file("lock", []byte(whoLocks))
		c.run(s5cmd, "cp", "lock", "s3://states/env/terraform.tfstate.tflock")
		refusal := c.fails(program, "apply", "-no-color", "-auto-approve", "-var", "value=two")
		if !strings.Contains(refusal, "PreconditionFailed") || !strings.Contains(refusal, "somebody@else") {
			t.Errorf("it does not say who holds the lock: %s", refusal)
		}
		c.run(program, "force-unlock", "-no-color", "-force", "8ba9f0bb-2d7e-1d4e-8a2d-0123456789ab")
		c.run(program, "apply", "-no-color", "-auto-approve", "-var", "value=two")
		if got := c.run(program, "output", "-raw", "it"); got != "two" {
			t.Errorf("the state holds %q", got)
		}
		c.run(program, "workspace", "new", "blue")
		c.run(program, "apply", "-no-color", "-auto-approve")
		if list := c.run(program, "workspace", "list"); !strings.Contains(list, "* blue") {
			t.Errorf("workspaces are %s", list)
		}
	})
}
