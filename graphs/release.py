"""What an Agent Server serves: the release graph, without a checkpointer (the server brings its own).

HUG_AGENTS_TARGET names what carries a release out where its input does not; HUG_AGENTS_POLICY the governance policy.
"""

from hug_agents.office import open_office
from hug_agents.settings import Settings
from hug_agents.store import Store
from hug_agents.workflow import Crew, build_graph

_settings = Settings.load()
_store = Store(_settings.home)
_crew = Crew(store=_store, model=_settings.model, target=_settings.target, executor=open_office(_store))
graph = build_graph(_crew).compile()
