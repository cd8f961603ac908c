"""The target `cloudformation`: change sets, each bound to the approval that names it."""
