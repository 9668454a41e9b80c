"""Configuration of the SQLMesh project: where it runs, and the definition it is generated from.

The program files enter as one SQLMesh variable, so that a changed definition changes the
fingerprint of exactly the models that use it. Paths come from the environment.
"""

from pql_platform.warehouse.project import sqlmesh_config

config = sqlmesh_config()
