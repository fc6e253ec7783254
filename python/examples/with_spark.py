"""Mills a Parquet file with Spark: python with_spark.py in.parquet out pipeline.yaml"""

import sys

from pyspark.sql import SparkSession

import hanmill
from hanmill.spark import look, partials, process

source, target, recipe = sys.argv[1:]
session = SparkSession.builder.getOrCreate()
pipeline = hanmill.Pipeline(recipe)
documents = session.read.parquet(source)
look(documents, pipeline)
process(documents, pipeline).write.parquet(target)
print(hanmill.merge(pipeline, partials(documents, pipeline), target + ".report"))
