"""Mills a Parquet file, whose column `n` numbers the rows, with Ray Data: python with_ray.py in.parquet out pipeline.yaml"""

import sys

import ray

import hanmill
from hanmill.ray import look, partials, process

source, target, recipe = sys.argv[1:]
pipeline = hanmill.Pipeline(recipe, place="n")
documents = ray.data.read_parquet(source)
look(documents, pipeline)
process(documents, pipeline).write_parquet(target)
print(hanmill.merge(pipeline, partials(documents, pipeline), target + ".report"))
