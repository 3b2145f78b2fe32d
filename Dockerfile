# Two stages: the wheel is built in one, the other holds only what runs.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE CHANGELOG.md config.example.toml ./
COPY e2ad e2ad
COPY sql sql
RUN python -m venv /opt/e2ad && /opt/e2ad/bin/pip install --no-cache-dir .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/e2ad --create-home e2ad
COPY --from=build /opt/e2ad /opt/e2ad
ENV PATH=/opt/e2ad/bin:$PATH PYTHONUNBUFFERED=1
USER e2ad
EXPOSE 8080 2525 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["e2ad"]
CMD ["serve"]
