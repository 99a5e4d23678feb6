"""The models of `models/` as somebody would write them by hand, from PyTorch's own modules."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TinyModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(100, 200)
        self.activation = nn.ReLU()
        self.linear2 = nn.Linear(200, 10)
        self.softmax = nn.Softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        return self.softmax(self.linear2(self.activation(self.linear1(x))))


class Affine(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.lin.weight.T + self.lin.bias


class LeNet5(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 3)
        self.fc1 = nn.Linear(16 * 6 * 6, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class Convolutions1d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 8, 3)
        self.strided = nn.Conv1d(8, 8, 5, stride=2, padding=2)
        self.dilated = nn.Conv1d(8, 8, 3, padding=2, dilation=2)
        self.depthwise = nn.Conv1d(8, 8, 3, padding=1, groups=8, bias=False)
        self.reflected = nn.Conv1d(8, 16, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        x = self.strided(self.conv(x).relu()).relu()
        return self.reflected(self.depthwise(self.dilated(x).relu()))


class Convolutions2d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(3, 8, 3, padding="same")
        self.rectangle = nn.Conv2d(8, 8, (3, 5), stride=(2, 1), padding=(1, 2))
        self.grouped = nn.Conv2d(8, 16, 3, padding=1, groups=4)
        self.circular = nn.Conv2d(16, 16, 3, padding=1, padding_mode="circular")
        self.replicated = nn.Conv2d(16, 16, 3, padding=1, padding_mode="replicate")
        self.up = nn.ConvTranspose2d(16, 3, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.rectangle(self.same(x).relu()).relu()
        return self.up(self.replicated(self.circular(self.grouped(x))))


class Convolutions3d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 4, 3, padding=1)
        self.down = nn.Conv3d(4, 8, 2, stride=2)
        self.mixed = nn.Conv3d(8, 8, (1, 3, 3), padding=(0, 1, 1), groups=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.mixed(self.down(self.conv(x).relu()).relu())


class Tagger(nn.Module):
    def __init__(self, kind: str, vocab: int, tags: int, embedding: int, hidden: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab, embedding)
        cell = {"lstm": nn.LSTM, "rnn": nn.RNN, "gru": nn.GRU}[kind]
        self.kind = kind
        setattr(self, kind, cell(embedding, hidden, batch_first=True))
        self.hidden2tag = nn.Linear(hidden, tags)

    def forward(self, sentence: Tensor) -> Tensor:
        states, _ = getattr(self, self.kind)(self.word_embeddings(sentence))
        return F.log_softmax(self.hidden2tag(states), dim=-1)


class DeepTagger(nn.Module):
    def __init__(self, vocab: int, tags: int, embedding: int, hidden: int, p: float) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab, embedding)
        self.lstm = nn.LSTM(embedding, hidden, 2, batch_first=True, dropout=p, bidirectional=True)
        self.hidden2tag = nn.Linear(2 * hidden, tags)

    def forward(self, sentence: Tensor, h0: Tensor, c0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        states, (hn, cn) = self.lstm(self.word_embeddings(sentence), (h0, c0))
        return F.log_softmax(self.hidden2tag(states), dim=-1), hn, cn


class Seq2SeqTransformer(nn.Module):
    def __init__(self, dim: int, heads: int, n: int, m: int, ff: int, p: float, activation: str) -> None:
        super().__init__()
        self.transformer = nn.Transformer(dim, heads, n, m, ff, p, activation, batch_first=True)

    def forward(
        self, src: Tensor, tgt: Tensor, tgt_mask: Tensor | None = None, src_padding: Tensor | None = None
    ) -> Tensor:
        return self.transformer(
            src,
            tgt,
            tgt_mask=tgt_mask,
            src_key_padding_mask=src_padding,
            memory_key_padding_mask=src_padding,
        )


class Encoder(nn.Module):
    def __init__(self, dim: int, heads: int, depth: int) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, heads, batch_first=True), depth)

    def forward(self, src: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.encoder(src, src_key_padding_mask=mask)


class Decoder(nn.Module):
    def __init__(self, dim: int, heads: int, depth: int) -> None:
        super().__init__()
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(dim, heads, batch_first=True), depth)

    def forward(self, tgt: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.decoder(tgt, memory, tgt_mask=mask)


class EncoderLayer(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(dim, heads)

    def forward(self, src: Tensor) -> Tensor:
        return self.layer(src)


class DecoderLayer(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.layer = nn.TransformerDecoderLayer(dim, heads)

    def forward(self, tgt: Tensor, memory: Tensor) -> Tensor:
        return self.layer(tgt, memory)


class BERT(nn.Module):
    def __init__(
        self, vocab: int, context: int, segments: int, dim: int, depth: int, heads: int, ff: int
    ) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab, dim, padding_idx=0)
        self.position_embeddings = nn.Embedding(context, dim)
        self.token_type_embeddings = nn.Embedding(segments, dim)
        self.norm = nn.LayerNorm(dim, eps=1e-12)
        self.dropout = nn.Dropout(0.1)
        layer = nn.TransformerEncoderLayer(
            dim, heads, ff, 0.1, "gelu", layer_norm_eps=1e-12, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.pooler = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, types: Tensor, padding: Tensor | None = None) -> tuple[Tensor, Tensor]:
        places = torch.arange(tokens.size(1), device=tokens.device)
        x = self.word_embeddings(tokens) + self.position_embeddings(places)
        x = self.dropout(self.norm(x + self.token_type_embeddings(types)))
        hidden = self.encoder(x, src_key_padding_mask=padding)
        return hidden, torch.tanh(self.pooler(hidden[:, 0]))


class Pooling(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        peaks = F.max_pool2d(x, 3, 2, 1)
        troughs = -F.max_pool2d(-x, 3, 2, 1)
        return peaks, troughs, F.avg_pool2d(x, 2), F.adaptive_avg_pool2d(x, 1)


class Pooling1d(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.max_pool1d(x, 2), -F.max_pool1d(-x, 2), F.avg_pool1d(x, 2)], dim=1)


class Pooling3d(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.max_pool3d(x, 2), -F.max_pool3d(-x, 2), F.avg_pool3d(x, 2)], dim=1)


class Normalisation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.batch = nn.BatchNorm2d(16)
        self.group = nn.GroupNorm(4, 16)
        self.instance = nn.InstanceNorm2d(16)
        self.layer = nn.LayerNorm([16, 8, 8])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.batch(x), self.group(x), self.instance(x), self.layer(x)


class Normalisation1d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.batch = nn.BatchNorm1d(16)
        self.layer = nn.LayerNorm(16)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.batch(x))


class Dropouts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weak = nn.Dropout(p=0.4)
        self.default = nn.Dropout()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.weak(x), self.default(x)


class Activations(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.prelu = nn.PReLU(4)

    def forward(self, x: Tensor) -> list[Tensor]:
        modules = [
            nn.ReLU(),
            nn.ReLU6(),
            nn.ELU(0.5),
            nn.SELU(),
            nn.CELU(),
            nn.GELU(),
            nn.GELU("tanh"),
            nn.SiLU(),
            nn.Mish(),
            nn.Sigmoid(),
            nn.LogSigmoid(),
            nn.Tanh(),
            nn.Tanhshrink(),
            nn.Softplus(),
            nn.Softsign(),
            nn.Softshrink(),
            nn.Hardshrink(),
            nn.Hardtanh(),
            nn.Hardsigmoid(),
            nn.Hardswish(),
            nn.LeakyReLU(0.1),
            nn.Threshold(0.1, 20.0),
            self.prelu,
            nn.Softmax(1),
            nn.LogSoftmax(-1),
        ]
        return [m(x) for m in modules] + [nn.Softmin(1)(x) + nn.Softmax2d()(x)]


class Gated(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, dim=1)
        return a * torch.sigmoid(b)


class Losses(nn.Module):
    def forward(self, scores: Tensor, wanted: Tensor, label: Tensor) -> tuple[Tensor, ...]:
        p, q = scores.softmax(1), wanted.softmax(1)
        regression = (
            nn.MSELoss()(scores, wanted)
            + nn.L1Loss()(scores, wanted)
            + nn.SmoothL1Loss(beta=0.5)(scores, wanted)
            + nn.HuberLoss(delta=2.0)(scores, wanted)
        )
        classes = nn.CrossEntropyLoss(label_smoothing=0.1)(scores, label)
        classes = classes + nn.NLLLoss(reduction="sum")(p.log(), label)
        binary = nn.BCELoss()(p, q) + nn.BCEWithLogitsLoss()(scores, q)
        return regression, classes, binary, nn.KLDivLoss(reduction="batchmean")(p.log(), q)


class GPT2Attention(nn.Module):
    def __init__(self, dim: int, heads: int, p: float) -> None:
        super().__init__()
        self.c_attn = nn.Linear(dim, 3 * dim)
        self.c_proj = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(p)
        self.heads, self.p = heads, p

    def forward(self, x: Tensor) -> Tensor:
        n, t, d = x.shape
        q, k, v = (y.view(n, t, self.heads, -1).transpose(1, 2) for y in self.c_attn(x).chunk(3, dim=2))
        p = self.p if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=True)
        return self.dropout(self.c_proj(y.transpose(1, 2).reshape(n, t, d)))


class GPT2MLP(nn.Module):
    def __init__(self, dim: int, p: float) -> None:
        super().__init__()
        self.c_fc = nn.Linear(dim, 4 * dim)
        self.c_proj = nn.Linear(4 * dim, dim)
        self.dropout = nn.Dropout(p)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")))


class GPT2Layer(nn.Module):
    def __init__(self, dim: int, heads: int, p: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.attn = GPT2Attention(dim, heads, p)
        self.ln_2 = nn.LayerNorm(dim)
        self.mlp = GPT2MLP(dim, p)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    def __init__(self, vocab: int, context: int, dim: int, depth: int, heads: int, p: float) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocab, dim)
        self.wpe = nn.Embedding(context, dim)
        self.drop = nn.Dropout(p)
        self.h = nn.ModuleList([GPT2Layer(dim, heads, p) for _ in range(depth)])
        self.ln_f = nn.LayerNorm(dim)
        self.lm_head = nn.Linear(dim, vocab, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.drop(self.wte(tokens) + self.wpe(torch.arange(tokens.size(1), device=tokens.device)))
        for layer in self.h:
            x = layer(x)
        return self.lm_head(self.ln_f(x))


class ResNetBlock(nn.Module):
    def __init__(self, channels: int, width: int, stride: int, expansion: int) -> None:
        super().__init__()
        out = width * expansion
        sizes = (
            [(channels, width, 3, stride), (width, width, 3, 1)]
            if expansion == 1
            else [(channels, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        )
        self.count = len(sizes)
        for i, (a, b, k, s) in enumerate(sizes, 1):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, k, s, k // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(b))
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.count:
                y = F.relu(y)
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, expansion: int, depths: list[int], classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for stage, depth in enumerate(depths):
            width = 64 * 2**stage
            blocks = []
            for i in range(depth):
                blocks.append(ResNetBlock(channels, width, 2 if stage and not i else 1, expansion))
                channels = width * expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class DoubleConv(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


class Up(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, out, 2, 2)
        self.conv = DoubleConv(2 * out, out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat([skip, self.up(x)], 1))


class UNet(nn.Module):
    def __init__(self, channels: int = 1, classes: int = 2, width: int = 64, depth: int = 4) -> None:
        super().__init__()
        sizes = [width * 2**i for i in range(depth)]
        self.downs = nn.ModuleList(
            DoubleConv(before, after) for before, after in zip([channels, *sizes], sizes, strict=False)
        )
        self.mid = DoubleConv(sizes[-1], 2 * sizes[-1])
        self.ups = nn.ModuleList(Up(2 * size, size) for size in reversed(sizes))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.mid(x)
        for up in self.ups:
            x = up(x, skips.pop())
        return self.head(x)


class Seq2Seq(nn.Module):
    def __init__(self, source: int, target: int, embedding: int, hidden: int, depth: int, p: float) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(source, embedding)
        self.target_embedding = nn.Embedding(target, embedding)
        self.encoder = nn.LSTM(embedding, hidden, depth, batch_first=True, dropout=p)
        self.decoder = nn.LSTM(embedding, hidden, depth, batch_first=True, dropout=p)
        self.project = nn.Linear(hidden, target)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        _, state = self.encoder(self.source_embedding(source))
        states, _ = self.decoder(self.target_embedding(target), state)
        return self.project(states)


class Llama(nn.Module):
    """The same weights in one flat function, with rotary positions as complex rotations."""

    def __init__(self, config: dict[str, int]) -> None:
        super().__init__()
        self.config = config
        dim, width, hidden = config["dim"], config["head_dim"], config["hidden"]
        self.embed_tokens = nn.Embedding(config["vocab"], dim)
        self.layers = nn.ModuleList()
        for _ in range(config["depth"]):
            layer = nn.Module()
            layer.self_attn = nn.Module()
            layer.self_attn.q_proj = nn.Linear(dim, config["heads"] * width, bias=False)
            layer.self_attn.k_proj = nn.Linear(dim, config["kv_heads"] * width, bias=False)
            layer.self_attn.v_proj = nn.Linear(dim, config["kv_heads"] * width, bias=False)
            layer.self_attn.o_proj = nn.Linear(config["heads"] * width, dim, bias=False)
            layer.mlp = nn.Module()
            layer.mlp.gate_proj = nn.Linear(dim, hidden, bias=False)
            layer.mlp.up_proj = nn.Linear(dim, hidden, bias=False)
            layer.mlp.down_proj = nn.Linear(hidden, dim, bias=False)
            layer.input_layernorm = nn.RMSNorm(dim, eps=1e-5)
            layer.post_attention_layernorm = nn.RMSNorm(dim, eps=1e-5)
            self.layers.append(layer)
        self.norm = nn.RMSNorm(dim, eps=1e-5)
        self.lm_head = nn.Linear(dim, config["vocab"], bias=False)

    def rotate(self, x: Tensor) -> Tensor:
        half = x.size(-1) // 2
        pairs = torch.complex(x[..., :half].double(), x[..., half:].double())
        angle = torch.arange(x.size(2)).double()[:, None] * 10_000 ** (-torch.arange(half).double() / half)
        turned = pairs * torch.polar(torch.ones_like(angle), angle)
        return torch.cat([turned.real, turned.imag], -1).to(x.dtype)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed_tokens(tokens)
        n, t = tokens.shape
        width, groups = self.config["head_dim"], self.config["heads"] // self.config["kv_heads"]
        for layer in self.layers:
            a, y = layer.self_attn, layer.input_layernorm(x)
            q, k, v = (f(y).view(n, t, -1, width).transpose(1, 2) for f in (a.q_proj, a.k_proj, a.v_proj))
            q, k = self.rotate(q), self.rotate(k)
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
            scores = q @ k.mT / math.sqrt(width)
            hidden_from = torch.ones(t, t, dtype=torch.bool).triu(1)
            y = scores.masked_fill(hidden_from, -math.inf).softmax(-1) @ v
            x = x + a.o_proj(y.transpose(1, 2).reshape(n, t, -1))
            y = layer.post_attention_layernorm(x)
            x = x + layer.mlp.down_proj(F.silu(layer.mlp.gate_proj(y)) * layer.mlp.up_proj(y))
        return self.lm_head(self.norm(x))


class TemporalBlock(nn.Module):
    def __init__(self, channels: int, out: int, kernel: int, dilation: int, p: float) -> None:
        super().__init__()
        self.past = (kernel - 1) * dilation
        self.conv1 = nn.Conv1d(channels, out, kernel, dilation=dilation)
        self.conv2 = nn.Conv1d(out, out, kernel, dilation=dilation)
        self.dropout = nn.Dropout(p)
        self.downsample = None if channels == out else nn.Conv1d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(self.conv1(F.pad(x, (self.past, 0))).relu())
        y = self.dropout(self.conv2(F.pad(y, (self.past, 0))).relu())
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class TCN(nn.Module):
    def __init__(self, inputs: int, outputs: int, widths: list[int], kernel: int, p: float) -> None:
        super().__init__()
        sizes = zip([inputs, *widths], widths, strict=False)
        self.network = nn.Sequential(
            *[TemporalBlock(a, b, kernel, 2**i, p) for i, (a, b) in enumerate(sizes)]
        )
        self.linear = nn.Linear(widths[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.network(x)[..., -1])


class WaveNetBlock(nn.Module):
    def __init__(self, channels: int, skip: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.past = (kernel - 1) * dilation
        self.filter = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.gate = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.skip = nn.Conv1d(channels, skip, 1)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        past = F.pad(x, (self.past, 0))
        y = torch.tanh(self.filter(past)) * torch.sigmoid(self.gate(past))
        return x + self.out(y), self.skip(y)


class WaveNet(nn.Module):
    def __init__(self, classes: int, channels: int, skip: int, kernel: int, dilations: list[int]) -> None:
        super().__init__()
        self.embed = nn.Embedding(classes, channels)
        self.blocks = nn.ModuleList([WaveNetBlock(channels, skip, kernel, d) for d in dilations])
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(skip, skip, 1), nn.ReLU(), nn.Conv1d(skip, classes, 1))

    def forward(self, samples: Tensor) -> Tensor:
        x, skips = self.embed(samples).mT, []
        for block in self.blocks:
            x, y = block(x)
            skips.append(y)
        return self.head(torch.stack(skips).sum(0))
