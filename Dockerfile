# One image for the app, the loads and the training. What changes least comes first: a change of our code rebuilds only the last layers.
FROM python:3.11-slim-bookworm AS requirements
COPY pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" >requirements.txt

FROM python:3.11-slim-bookworm

# uv trusts the certificates of the system, as pip does, and compiles once what every container would compile at its start.
# Python's own output is not held back, so that logs are live.
ENV UV_SYSTEM_CERTS=1 UV_COMPILE_BYTECODE=1 PYTHONUNBUFFERED=1

WORKDIR /app
COPY constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt uv

# torch brings its GPU libraries along (3 GB); the package index holds no build without them, and train-gpu needs them.
COPY --from=requirements requirements.txt ./
RUN uv pip install --system --no-cache --requirement requirements.txt --constraint constraints.txt

COPY queries queries
COPY kgstore kgstore
COPY ingest ingest
COPY model model
COPY app app

CMD ["python", "-m", "app", "--help"]
